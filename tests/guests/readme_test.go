package guests

import (
	"os"
	"path/filepath"
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
	disk := filepath.Join(w.root, "db.qcow2")
	if err := os.WriteFile(disk, []byte("QFI\xfb"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, e := range examples {
		lines := strings.Split(strings.NewReplacer("    ", "", "/srv/db.qcow2", disk).Replace(e[2]), "\n")
		name := w.conf(e[1], append(lines, "user=nobody", "enable_kvm=no")...)
		r := w.must("plan", name)
		for _, want := range []string{"size=4096M", disk, "bridge br0"} {
			if !strings.Contains(r.out, want) {
				t.Errorf("the plan of %s lacks %s: %s", name, want, r)
			}
		}
		if strings.Contains(r.err, "warning") {
			t.Errorf("the plan of %s is not without warnings: %s", name, r)
		}
	}
	schedules := regexp.MustCompile(`(?m)stop_schedule="([^"]*)" +# (\w+)$`).FindAllStringSubmatch(string(text), -1)
	if len(schedules) != 2 {
		t.Fatalf("%d schedules, want one for each kind", len(schedules))
	}
	w.lxc("s", "lxc.uts.name = s")
	own := map[string][]string{"qemu": {"user=nobody", "enable_kvm=no"}, "lxc": nil}
	for _, s := range schedules {
		name := w.conf(s[2]+".s", append(own[s[2]], "stop_schedule="+s[1])...)
		if r := w.must("plan", name); !strings.Contains(r.out, "# stop: "+s[1]+"\n") {
			t.Errorf("the plan of %s has another schedule: %s", name, r)
		}
	}
}

// lxc writes LXC's configuration of a container.
func (w *world) lxc(name string, lines ...string) {
	w.t.Helper()
	dir := filepath.Join(w.root, "var/lib/lxc", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		w.t.Fatal(err)
	}
}
