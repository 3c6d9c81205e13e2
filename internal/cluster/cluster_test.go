package cluster

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
)

func TestPortInUseNamesTheProcess(t *testing.T) {
	first, err := listen(netip.MustParseAddrPort("127.0.0.1:0"), "--api-port")
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	_, err = listen(netip.MustParseAddrPort(first.Addr().String()), "--api-port")
	if err == nil {
		t.Fatal("the port was bound twice")
	}
	for _, want := range []string{fmt.Sprintf("process %d", os.Getpid()), "--api-port"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}
