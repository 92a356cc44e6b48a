package lantest

import (
	"net"
	"testing"
)

// Any free port is one that is not in use, also after others were closed: a
// node that changes its port is not given that of its neighbour.
func TestListenFreePort(t *testing.T) {
	h := New(t, 1).Host()
	seen := map[string]bool{}
	var open []net.Listener
	for i := range 100 {
		l, err := h.Listen(0)
		if err != nil {
			t.Fatal(err)
		}
		if seen[l.Addr().String()] {
			t.Errorf("%s was given twice", l.Addr())
		}
		seen[l.Addr().String()] = true
		if open = append(open, l); i%3 == 0 {
			_ = open[0].Close()
			open = open[1:]
		}
	}
	for _, l := range open {
		_ = l.Close()
	}
}
