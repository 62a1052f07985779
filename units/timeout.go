package units

import (
	"cmp"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// generatorDirs are where generators write, before and after the vendor's units
// (systemd.unit(5)).
var generatorDirs = []string{"/run/systemd/generator", "/run/systemd/generator.late"}

// dropinMax bounds what is read of a unit file, in bytes.
const dropinMax = 64 << 10

// StopTime is the TimeoutStopSec of a unit as its files have it, the template's
// and the drop-ins', which count by their names (systemd.unit(5)): what a manager
// has loaded that has read them since. 0: they do not say; math.MaxInt64 for one
// without an end.
func (f *Files) StopTime(unit string) (d time.Duration) {
	read := func(path string) {
		for _, text := range stopTimes(readUnit(filepath.Join(f.root, path))) {
			if t, ok := timeSpan(text); ok {
				d = t
			}
		}
	}
	if path, known := f.path(unit); known {
		read(path)
	}
	dirs := []string{unit + ".d"}
	if at, dot := strings.IndexByte(unit, '@'), strings.LastIndexByte(unit, '.'); at > 0 && dot > at {
		dirs = append(dirs, unit[:at+1]+unit[dot:]+".d")
	}
	dropins := map[string]string{} // by name: the first directory's goes before the others'
	for _, parent := range slices.Concat(unitDirs[:2], generatorDirs, unitDirs[2:]) {
		for _, dir := range dirs {
			entries, _ := os.ReadDir(filepath.Join(f.root, parent, dir)) // none: there is nothing to say
			for _, e := range entries {
				if _, known := dropins[e.Name()]; !known && filepath.Ext(e.Name()) == ".conf" {
					dropins[e.Name()] = filepath.Join(parent, dir, e.Name())
				}
			}
		}
	}
	names := make([]string, 0, len(dropins))
	for name := range dropins {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		read(dropins[name])
	}
	return d
}

// readUnit gives the text of a regular file, and nothing of all else.
func readUnit(path string) string {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return ""
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	text, _ := io.ReadAll(io.LimitReader(file, dropinMax))
	return string(text)
}

// stopTimes are the values of the settings that set it, in their order.
func stopTimes(text string) (values []string) {
	section := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = line
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		if key = strings.TrimSpace(key); section == "[Service]" && (key == "TimeoutStopSec" || key == "TimeoutSec") {
			values = append(values, strings.TrimSpace(value))
		}
	}
	return values
}

// spans are systemd's units of time (systemd.time(7)).
var spans = map[string]time.Duration{
	"": time.Second, "s": time.Second, "sec": time.Second, "second": time.Second, "seconds": time.Second,
	"ms": time.Millisecond, "msec": time.Millisecond, "us": time.Microsecond, "usec": time.Microsecond,
	"m": time.Minute, "min": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"h": time.Hour, "hr": time.Hour, "hour": time.Hour, "hours": time.Hour,
	"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
}

// timeSpan reads "95", "1min 30s" and "infinity", which 0 is here, too
// (systemd.service(5)).
func timeSpan(text string) (total time.Duration, ok bool) {
	if text == "infinity" || text == "0" {
		return math.MaxInt64, true
	}
	text = strings.TrimSpace(text)
	for text != "" {
		n := len(text) - len(strings.TrimLeft(text, "0123456789."))
		number, err := strconv.ParseFloat(text[:n], 64)
		text = strings.TrimLeft(text[n:], " ")
		end := strings.IndexAny(text, " 0123456789")
		if end < 0 {
			end = len(text)
		}
		span, known := spans[text[:end]]
		if err != nil || !known || number*float64(span) > float64(math.MaxInt64/4) {
			return 0, false
		}
		total += min(time.Duration(number*float64(span)), math.MaxInt64-total)
		text = strings.TrimLeft(text[end:], " ")
		ok = true
	}
	return cmp.Or(total, math.MaxInt64), ok
}
