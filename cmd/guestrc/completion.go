package main

import (
	"context"
	"fmt"
	"strings"
)

// namesVerb is what completion scripts call to learn the guests' names.
const namesVerb = "__names"

func printNames(_ context.Context, e *env, _ []string) error {
	names, err := e.names()
	for _, n := range names {
		fmt.Fprintln(e.stdout, n)
	}
	return err
}

// shells are the ones that completion knows, and verbs whose operands are
// words of their own.
const shells = "bash zsh fish"

func completion(_ context.Context, e *env, args []string) error {
	write, ok := map[string]func() string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[args[0]]
	if !ok {
		return usage(fmt.Sprintf("cannot complete for %q: there is no script for that shell", args[0]), "bash, zsh or fish")
	}
	fmt.Fprint(e.stdout, write())
	return nil
}

func verbNames(keep func(verb) bool) string {
	var names []string
	for _, v := range verbs() {
		if keep(v) {
			names = append(names, v.name)
		}
	}
	return strings.Join(names, " ")
}

func allVerbs() string { return verbNames(func(verb) bool { return true }) }

func flagWords(v verb) string {
	var words []string
	for _, f := range append(v.flags, rootFlag) {
		words = append(words, "--"+f.name)
	}
	return strings.Join(words, " ") + " --help"
}

// operandWords are what v's operands may be, unless they are guests.
func operandWords(v verb) string {
	switch v.name {
	case "completion":
		return shells
	case "help":
		return allVerbs()
	case "vars":
		return "guestrc " + serviceKinds(" ")
	}
	return ""
}

func bashCompletion() string {
	var b strings.Builder
	b.WriteString(`# bash completion for guestrc
_guestrc() {
	local cur=${COMP_WORDS[COMP_CWORD]} verb='' words='' i
	local -a root=()
	if [[ ${COMP_WORDS[COMP_CWORD-1]} == --root ]]; then
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--root)
			[[ ${COMP_WORDS[i+1]} != = ]] || ((i++))
			root=(--root "${COMP_WORDS[++i]}") ;;
		-*) ;;
		*) verb=${verb:-${COMP_WORDS[i]}} ;;
		esac
	done
	case $verb,$cur in
	,-*) words="--root --help --version" ;;
	,*) words="` + allVerbs() + `" ;;
`)
	for _, v := range verbs() {
		fmt.Fprintf(&b, "\t%s,-*) words=%q ;;\n", v.name, flagWords(v))
		if v.guests {
			fmt.Fprintf(&b, "\t%s,*) words=$(guestrc \"${root[@]}\" %s 2>/dev/null) ;;\n", v.name, namesVerb)
		} else {
			fmt.Fprintf(&b, "\t%s,*) words=%q ;;\n", v.name, operandWords(v))
		}
	}
	b.WriteString(`	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _guestrc guestrc
`)
	return b.String()
}

func zshCompletion() string {
	var b strings.Builder
	b.WriteString(`#compdef guestrc

_guestrc() {
	local -a verbs root
	local verb i
	verbs=(
`)
	for _, v := range verbs() {
		fmt.Fprintf(&b, "\t\t%s\n", quoteIn(v.name+":"+v.short, `'\''`))
	}
	b.WriteString(`	)
	if [[ $words[CURRENT-1] == --root ]]; then
		_files -/
		return
	fi
	for ((i = 2; i < CURRENT; i++)); do
		case $words[i] in
		--root) root=(--root ${(Q)words[++i]}) ;;
		--root=*) root=(${(Q)words[i]}) ;;
		-*) ;;
		*) verb=${verb:-$words[i]} ;;
		esac
	done
	case $verb,$words[CURRENT] in
	,-*) compadd -- --root --help --version ;;
	,*) _describe verb verbs ;;
`)
	for _, v := range verbs() {
		fmt.Fprintf(&b, "\t%s,-*) compadd -- %s ;;\n", v.name, flagWords(v))
		if v.guests {
			fmt.Fprintf(&b, "\t%s,*) compadd -- ${(f)\"$(guestrc $root %s 2>/dev/null)\"} ;;\n", v.name, namesVerb)
		} else if operandWords(v) != "" {
			fmt.Fprintf(&b, "\t%s,*) compadd -- %s ;;\n", v.name, operandWords(v))
		}
	}
	b.WriteString(`	esac
}

if [[ $funcstack[1] == _guestrc ]]; then
	_guestrc
else
	compdef _guestrc guestrc
fi
`)
	return b.String()
}

func fishCompletion() string {
	var b strings.Builder
	b.WriteString(`# fish completion for guestrc
function __guestrc_names
	set -l words (commandline -opc)
	set -l root (string match -- '--root=*' $words)
	if set -l i (contains -i -- --root $words)
		set root --root $words[(math $i + 1)]
	end
	guestrc $root ` + namesVerb + ` 2>/dev/null
end

complete -c guestrc -f
complete -c guestrc -l help -d 'explain the verb'
`)
	fmt.Fprintf(&b, "complete -c guestrc -l root -x -a '(__fish_complete_directories)' -d %s\n", quoteIn(rootFlag.help, `\'`))
	for _, v := range verbs() {
		fmt.Fprintf(&b, "complete -c guestrc -n 'not __fish_seen_subcommand_from %s' -a %s -d %s\n", allVerbs(), v.name, quoteIn(v.short, `\'`))
		for _, f := range v.flags {
			fmt.Fprintf(&b, "complete -c guestrc -n '__fish_seen_subcommand_from %s' -l %s -d %s\n", v.name, f.name, quoteIn(f.help, `\'`))
		}
		if words := operandWords(v); words != "" {
			fmt.Fprintf(&b, "complete -c guestrc -n '__fish_seen_subcommand_from %s' -a '%s'\n", v.name, words)
		}
	}
	fmt.Fprintf(&b, "complete -c guestrc -n '__fish_seen_subcommand_from %s' -a '(__guestrc_names)'\n",
		verbNames(func(v verb) bool { return v.guests }))
	return b.String()
}

// quoteIn puts text between single quotes; quote stands for one inside.
func quoteIn(text, quote string) string {
	return "'" + strings.ReplaceAll(text, "'", quote) + "'"
}
