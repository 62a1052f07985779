package main

import (
	"context"
	"fmt"
	"strings"
)

// namesVerb is what completion scripts call to learn the guests' names.
const namesVerb = "__names"

func printNames(_ context.Context, e *env, _ []string) error {
	names, err := e.house.Names()
	for _, n := range names {
		fmt.Fprintln(e.stdout, n)
	}
	return err
}

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

func flagWords(v verb) string {
	var words []string
	for _, f := range append(v.flags, rootFlag) {
		words = append(words, "--"+f.name)
	}
	return strings.Join(words, " ")
}

func bashCompletion() string {
	var b strings.Builder
	b.WriteString(`# bash completion for guestrc
_guestrc() {
	local cur=${COMP_WORDS[COMP_CWORD]} verb= i
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-*) ;;
		*) [[ ${COMP_WORDS[i-1]} == --root ]] || { verb=${COMP_WORDS[i]}; break; } ;;
		esac
	done
	local words=
	if [[ ${COMP_WORDS[COMP_CWORD-1]} == --root ]]; then
		COMPREPLY=($(compgen -d -- "$cur"))
		return
	fi
	case $verb in
	'') words="` + verbNames(func(verb) bool { return true }) + ` --root" ;;
`)
	for _, v := range verbs() {
		fmt.Fprintf(&b, "\t%s)\n\t\tcase $cur in\n\t\t-*) words=%q ;;\n\t\t*) words=%s ;;\n\t\tesac ;;\n", v.name, flagWords(v), operandWords(v))
	}
	b.WriteString(`	esac
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _guestrc guestrc
`)
	return b.String()
}

// operandWords is a shell word that expands to what v's operands may be.
func operandWords(v verb) string {
	switch {
	case v.guests:
		return `"$(guestrc ` + namesVerb + ` 2>/dev/null)"`
	case v.name == "completion":
		return `"bash zsh fish"`
	case v.name == "help":
		return `"` + verbNames(func(verb) bool { return true }) + `"`
	case v.name == "vars":
		return `"qemu"`
	}
	return `""`
}

func zshCompletion() string {
	var b strings.Builder
	b.WriteString("#compdef guestrc\n\n_guestrc() {\n\tlocal -a verbs operands flags\n\tverbs=(\n")
	for _, v := range verbs() {
		fmt.Fprintf(&b, "\t\t'%s:%s'\n", v.name, strings.ReplaceAll(v.short, "'", `'\''`))
	}
	b.WriteString("\t)\n\tif (( CURRENT == 2 )); then\n\t\t_describe verb verbs\n\t\treturn\n\tfi\n\tcase $words[2] in\n")
	for _, v := range verbs() {
		fmt.Fprintf(&b, "\t%s) flags=(%s); operands=(${=:-%s}) ;;\n", v.name, flagWords(v), operandWords(v))
	}
	b.WriteString("\tesac\n\tcompadd -- $operands\n\t[[ $words[CURRENT] == -* ]] && compadd -- $flags\n}\n\nif [[ $funcstack[1] == _guestrc ]]; then\n\t_guestrc\nelse\n\tcompdef _guestrc guestrc\nfi\n")
	return b.String()
}

func fishCompletion() string {
	var b strings.Builder
	b.WriteString("# fish completion for guestrc\ncomplete -c guestrc -f\n")
	for _, v := range verbs() {
		fmt.Fprintf(&b, "complete -c guestrc -n __fish_use_subcommand -a %s -d '%s'\n", v.name, strings.ReplaceAll(v.short, "'", `\'`))
		for _, f := range v.flags {
			fmt.Fprintf(&b, "complete -c guestrc -n '__fish_seen_subcommand_from %s' -l %s -d '%s'\n", v.name, f.name, f.help)
		}
	}
	fmt.Fprintf(&b, "complete -c guestrc -l root -r -F -d '%s'\n", rootFlag.help)
	fmt.Fprintf(&b, "complete -c guestrc -n '__fish_seen_subcommand_from %s' -a '(guestrc %s 2>/dev/null)'\n",
		verbNames(func(v verb) bool { return v.guests }), namesVerb)
	b.WriteString("complete -c guestrc -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'\n")
	b.WriteString("complete -c guestrc -n '__fish_seen_subcommand_from vars' -a qemu\n")
	return b.String()
}
