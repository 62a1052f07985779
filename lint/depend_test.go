package lint_test

import (
	"strings"
	"testing"

	"github.com/guestrc/guestrc/finding"
	"github.com/guestrc/guestrc/lint"
)

// depends is a script with relations and what else it says.
func depends(relations, rest string) string { return in("depend", relations) + "\n" + rest }

func TestTheNetworkIsUsed(t *testing.T) {
	fetch := in("start", "wget -q http://example.org/list -O /run/list")
	holds(t, "GL301", []situation{
		{"fetched", fetch, "GL301"},
		{"fetched in a helper", in("list", "curl -s https://example.org/list") + "\n" + in("start_pre", "list"), "GL301"},
		{"an address of an interface", "command_args='--bind 192.0.2.7:80'", "GL301"},
		{"an address by =", "command_args=--listen-address=192.0.2.7", "GL301"},
		{"a share", in("start", "mount -t nfs4 srv:/x /mnt"), "GL301"},
		{"a copy", in("start", "rsync -a root@example.org:x /run/x"), "GL301"},
		{"a program that asks for the time", "command=/usr/sbin/ntpdate", "GL301"},
		{"another dependency", depends("need localmount", fetch), "GL301"},

		{"use net", depends("use net", fetch), ""},
		{"after an interface", depends("after net.eth0", fetch), ""},
		{"by way of dns", depends("need dns", fetch), ""},
		{"by rc_need", "rc_need=net\n" + fetch, ""},
		{"by a variable", depends("local n=net\nneed $n", fetch), ""},
		{"what another file may say", depends(". /lib/web.sh", fetch), ""},
		{"what builds the network", depends("provide net", fetch), ""},
		{"what goes before it", depends("before net", fetch), ""},
		{"from itself", in("start", "wget http://127.0.0.1:8080/ready"), ""},
		{"from localhost", in("start", "curl http://localhost/ready"), ""},
		{"through a socket", in("start", "curl --unix-socket /run/x http://web/ready"), "GL301"},
		{"from somewhere", in("start", `wget "$web_list"`), ""},
		{"from somewhere else", in("start", `wget "http://$web_host/x"`), ""},
		{"never at a start", "extra_commands=update\n" + in("update", "wget http://example.org/x"), ""},
		{"a web server", "command=/usr/sbin/nginx", ""},
		{"all addresses", "command_args='--bind 0.0.0.0:80'", ""},
		{"no listener's option", "command_args='--allow 192.0.2.7'", ""},
		{"a network's own", "command_args='--listen 192.0.2.0/24'", ""},
		{"nfsd's file system", in("start", "mount -t nfsd nfsd /proc/fs/nfsd"), ""},
		{"a function of that name", in("wget", ":") + "\n" + fetch, ""},
	})
}

func TestFilesThatAreNotMountedYet(t *testing.T) {
	local := "command=/usr/local/bin/web"
	holds(t, "GL302", []situation{
		{"nothing said", local, "GL302"},
		{"only root", depends("need root", local), "GL302"},
		{"before bootmisc", depends("before bootmisc", local), "GL302"},
		{"before localmount", depends("before localmount", "required_files=/var/lib/web/db"), "GL302"},
		{"a file in /var", "required_dirs=/var/lib/web", "GL302"},

		{"need localmount", depends("need localmount", local), ""},
		{"after it", depends("after localmount\nbefore bootmisc", local), ""},
		{"after all", depends("after *", local), ""},
		{"after what is after it", depends("need net", local), ""},
		{"after bootmisc needs no more", depends("use logger", local), ""},
		{"/usr", depends("before bootmisc", "command=/usr/bin/web"), ""},
		{"/var/run is /run", "pidfile=/var/run/web.pid", ""},
		{"/var/lock, too", "required_dirs=/var/lock/subsys", ""},
		{"anywhere", "command=${web_dir}/bin/web", ""},
		{"by a variable", depends("need $web_need", local), ""},
	})
}

func TestServicesThatDoNotExist(t *testing.T) {
	holds(t, "GL303", []situation{
		{"misspelt", depends("need localmout", ""), "GL303"},
		{"another system's", depends("after slogger random firewalld", ""), ""},
		{"swapped", depends("after bootmsic", ""), "GL303"},
		{"a letter more", depends("use loggger", ""), "GL303"},
		{"a condition does not excuse it", depends("if true; then use hostnam; fi", ""), "GL303"},
		{"needed and not there", depends("need no-such-thing", ""), "GL303"},
		{"in rc_need", "rc_need=netmonut", "GL303"},

		{"used and not there", depends("use no-such-thing\nafter other\nwant third\nbefore fourth", ""), ""},
		{"needed at times", depends("[ -e /x ] && need no-such-thing", ""), ""},
		{"a template", depends("need @db@ %DB%", ""), ""},
		{"a variable", depends("need $web_db", ""), ""},
		{"all", depends("after *", ""), ""},
		{"taken back", depends("need !localmount !other", ""), ""},
		{"an interface's name that is near to nothing", depends("use net.eth0", ""), ""},
		{"provided", depends("provide no-such-thing", ""), ""},
		{"no relation", in("start", "need no-such-thing"), ""},
	})
}

func TestNothingIsKnownOfServices(t *testing.T) {
	src := "#!/sbin/openrc-run\ndepend() {\n need no-such-thing\n use localmuont\n}\n"
	found := lint.New(lint.World{}).Lint("/etc/init.d/web", []byte(src))
	n := 0
	for _, f := range found {
		if f.ID == "GL303" {
			n++
			if !strings.Contains(f.Message, "localmount") {
				t.Errorf("%s", f.Message)
			}
		}
	}
	if n != 1 {
		t.Errorf("%d findings", n)
	}
}

func TestNeedNet(t *testing.T) {
	args := func(a string) string { return depends("need net", "command_args='"+a+"'") }
	holds(t, "GL304", []situation{
		{"all addresses", args("--host 0.0.0.0 --port 80"), "GL304"},
		{"all of IPv6", args("--listen=[::]:80"), "GL304"},
		{"loopback", args("-bind 127.0.0.1:80"), "GL304"},
		{"a socket", args("--bind unix:/run/web.sock"), "GL304"},
		{"a server that is known", depends("need net", "command=/usr/sbin/nginx"), "GL304"},

		{"nothing is known of it", depends("need net", "command=/usr/bin/web"), ""},
		{"an interface's address", args("--bind 192.0.2.7 --listen 127.0.0.1"), ""},
		{"a client", args("--server 192.0.2.7"), ""},
		{"use", depends("use net", "command_args='--host 0.0.0.0'"), ""},
		{"one interface", depends("need net.eth0", "command_args='--host 0.0.0.0'"), ""},
	})
	found := lint.New(world()).Lint("/etc/init.d/web", []byte("#!/sbin/openrc-run\ncommand=/usr/sbin/sshd\n"+depends("need net", "")))
	for _, f := range found {
		if f.ID == "GL304" && f.Severity != finding.Info {
			t.Errorf("a server by its name alone is a %s", f.Severity)
		}
	}
}

func TestContradictions(t *testing.T) {
	holds(t, "GL305", []situation{
		{"need and before", depends("need sshd\nbefore sshd", ""), "GL305"},
		{"before and after", depends("before clock\nafter root clock", ""), "GL305"},
		{"itself", depends("use web", ""), "GL305"},

		{"all and one", depends("after *\nbefore local", ""), ""},
		{"twice the same", depends("need clock\nafter clock", ""), ""},
		{"one way or the other", depends("if x; then before clock; else after clock; fi", ""), ""},
		{"itself is what it provides", depends("provide web", ""), ""},
	})
}

func TestWordsOfDepend(t *testing.T) {
	holds(t, "GL306", []situation{
		{"no such keyword", depends("keyword -lcx", ""), "GL306"},
		{"without the dash", depends("keyword shutdown", ""), "GL306"},
		{"no such word", depends("uses net", ""), "GL306"},
		{"keywords", depends("keywords -lxc", ""), "GL306"},

		{"all keywords", depends("keyword -shutdown -stop -timeout -jail -lxc -openvz -prefix -uml -vserver -xen0 -xenu -docker -podman -containers -systemd-nspawn -wsl !-lxc", ""), ""},
		{"old ones", depends("keyword nojail noshutdown nostop notimeout noprefix", ""), ""},
		{"a variable", depends("keyword $web_keyword", ""), ""},
		{"a function of its own", in("uses", "use \"$@\"") + "\n" + depends("uses net", ""), ""},
	})
}

func TestLegacy(t *testing.T) {
	holds(t, "GL308", []situation{
		{"once for all", "pidfile=/run/$SVCNAME.pid\nname=$SVCNAME", "GL308"},
		{"the new name", "pidfile=/run/$RC_SVCNAME.pid", ""},
		{"one of its own", "SVCNAME=web\nname=$SVCNAME", ""},
	})
}
