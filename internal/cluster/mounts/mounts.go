// Package mounts reads what is mounted on this machine.
package mounts

import (
	"os"
	"strings"
)

// A Mount is a line of mountinfo, see proc(5).
type Mount struct {
	Root  string // of the mount, in its file system
	Point string // where it is mounted
}

// Table is what is mounted for this process, the latest last.
func Table() ([]Mount, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	return Parse(string(text)), nil
}

// Parse reads the text of a mountinfo file.
func Parse(text string) (table []Mount) {
	const root, point = 3, 4
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) > point {
			table = append(table, Mount{unescape(fields[root]), unescape(fields[point])})
		}
	}
	return table
}

// Below lists where something is mounted below dir, and not at it.
func Below(dir string) (points []string, err error) {
	table, err := Table()
	for _, m := range table {
		if strings.HasPrefix(m.Point, dir+"/") {
			points = append(points, m.Point)
		}
	}
	return points, err
}

// unescape undoes the octal escapes of mountinfo.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}
