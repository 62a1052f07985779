package qemu

import (
	"io"
	"os"
	"strings"
	"time"
	"unicode"

	"golang.org/x/sys/unix"

	"github.com/guestrc/guestrc/guest"
)

// wordsMax is how much of the log's end is looked at, in bytes.
const wordsMax = 4 << 10

// Ended tells how a QEMU ended that nobody watched. One that ends in order takes
// its sockets away, which dates their directory; one that was told to by a signal
// says so in its log at last. Of one that died there is no trace but what it left.
func (m *Machine) Ended(since time.Time) (how guest.Ending) {
	if info, err := os.Stat(m.Layout.SockDir(m.Name)); err == nil && len(m.Leftovers()) == 0 {
		how.At = info.ModTime()
	}
	words, at := lastWords(m.LogFile)
	if said, ok := strings.CutPrefix(words, "terminating on "); ok && at.After(since) {
		how.Cause, how.Text = "host-signal", said
	}
	return how
}

// lastWords is the log's last line, without the name of the program, and when it
// was written (util/error-report.c: "PROGRAM: MESSAGE").
func lastWords(path string) (string, time.Time) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", time.Time{}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return "", time.Time{}
	}
	text, err := io.ReadAll(io.NewSectionReader(f, max(0, info.Size()-wordsMax), wordsMax))
	if err != nil {
		return "", time.Time{}
	}
	return lastMessage(string(text)), info.ModTime()
}

func lastMessage(text string) string {
	text = strings.TrimSpace(text)
	text = text[strings.LastIndexByte(text, '\n')+1:]
	_, message, _ := strings.Cut(text, ": ")
	const limit = 120
	runes := []rune(message)
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, string(runes[:min(len(runes), limit)]))
}
