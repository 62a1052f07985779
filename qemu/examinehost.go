package qemu

import (
	"slices"
	"strconv"
	"strings"
)

// processor: KVM for that sort of CPU, and how many of them take turns.
func (x *examination) processor() {
	if arch := x.Text("system_type"); x.m.KVM && x.m.Binary != "" {
		if err := x.host.KVMFor(arch); err != nil {
			x.tell("GR405", []string{"enable_kvm", "system_type"}, "enable_kvm=no", "%v", err)
		}
	}
	online, err := x.host.CPUs()
	switch pinned := len(x.m.CPUs); {
	case err != nil: // Preflight asks, too
	case x.m.VCPUs > len(online):
		x.tell("GR411", []string{"smp_cpus"}, "smp_cpus="+strconv.Itoa(len(online)), "%d virtual CPUs, and the host has %d", x.m.VCPUs, len(online))
	case pinned > 0 && x.m.VCPUs > pinned:
		x.tell("GR411", []string{"smp_cpus", "cpu_affinity"}, "cpu_affinity= with as many as smp_cpus", "%d virtual CPUs, and cpu_affinity gives them %d", x.m.VCPUs, pinned)
	}
}

// hugepages asks whether there are enough of them now. A guest that runs has
// its own.
func (x *examination) hugepages() {
	path := x.m.Hugepages
	if path == "" {
		return
	}
	huge, err := x.host.HugePages(path)
	if err != nil {
		return // Preflight tells of a missing directory
	}
	if huge.Page == 0 {
		x.tell("GR103", []string{"hugepages_path", "memory_hugepages"}, "mount -t hugetlbfs hugetlbfs "+path, "%s is no hugetlbfs: the guest's memory is an ordinary file there", path)
		return
	}
	pages := (x.m.Memory + huge.Page - 1) / huge.Page
	if !x.running && pages > huge.Free {
		x.tell("GR403", []string{"memory", "memory_hugepages"}, "", "the guest needs %d pages of %s, and %d are free", pages, sizeText(huge.Page), huge.Free)
	}
}

// realtime looks at a guest that is to have its CPUs to itself: each virtual one
// has one of the host's, and something else shows that it must not wait.
func (x *examination) realtime() {
	hurried := x.m.Hugepages != "" || x.m.Nice < 0 ||
		slices.ContainsFunc(x.extra, func(arg string) bool {
			return strings.Contains(arg, "mem-lock=on") || strings.Contains(arg, "cpu-pm=on")
		})
	if len(x.m.CPUs) != x.m.VCPUs || !hurried {
		return
	}
	online, err := x.host.CPUs()
	if err != nil {
		return
	}
	quiet, err := x.host.QuietCPUs(online)
	if err != nil {
		return
	}
	var busy []string
	for _, cpu := range x.m.CPUs {
		if slices.Contains(online, cpu) && !slices.Contains(quiet, cpu) {
			busy = append(busy, strconv.Itoa(cpu))
		}
	}
	if len(busy) > 0 {
		x.tell("GR406", []string{"cpu_affinity"}, "isolcpus="+strings.Join(busy, ",")+" on the host's kernel command line, or a cpuset", "the host runs its own work on CPU %s, too", strings.Join(busy, ", "))
	}
}
