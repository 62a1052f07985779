package guests

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The guests that the README describes can be planned as they stand there.
func TestReadmeExamples(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile(`(?s)cat > /etc/conf\.d/(\S+) <<EOF\n(.*?)\n    EOF`).FindAllStringSubmatch(string(text), -1)
	if len(examples) != 2 {
		t.Fatalf("%d examples, want one for each init system", len(examples))
	}
	w := newWorld(t)
	for _, e := range examples {
		lines := strings.Split(strings.ReplaceAll(e[2], "    ", ""), "\n")
		name := w.conf(e[1], append(lines, "user=nobody", "enable_kvm=no")...)
		r := w.must("plan", name)
		for _, want := range []string{"size=4096M", "/srv/db.qcow2", "bridge br0"} {
			if !strings.Contains(r.out, want) {
				t.Errorf("the plan of %s lacks %s: %s", name, want, r)
			}
		}
	}
	for _, schedule := range regexp.MustCompile(`stop_schedule="([^"]*)"`).FindAllStringSubmatch(string(text), -1) {
		name := w.conf("qemu.s", "user=nobody", "enable_kvm=no", "stop_schedule="+schedule[1])
		w.must("plan", name)
	}
}
