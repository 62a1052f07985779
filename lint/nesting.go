package lint

// maxNesting of brackets; honest scripts have a dozen. The parser calls itself
// for each, with up to 5 KiB of stack, and Go ends a program whose stack has 1 GiB.
const maxNesting = 500

// nested is where more brackets are open than a script has, whatever quotes and
// comments say; -1: nowhere.
func nested(src []byte) int {
	round, square, curly := 0, 0, 0
	for i, c := range src {
		switch c {
		case '(':
			round++
		case ')': // a pattern of case has no other
			round = max(0, round-1)
		case '[':
			square++
		case ']':
			square = max(0, square-1)
		case '{':
			curly++
		case '}':
			curly = max(0, curly-1)
		}
		if round+square+curly > maxNesting {
			return i
		}
	}
	return -1
}
