package stream

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"llchat/internal/stanza"
)

// echoProcess says in the environment of a copy of this test binary that it is
// the other side of BenchmarkS1_Processes.
const echoProcess = "LLCHAT_STREAM_ECHO"

// TestEchoProcess is that other side: a node that answers messages with
// receipts, and a TLS echo. It ends with its standard input.
func TestEchoProcess(t *testing.T) {
	if os.Getenv(echoProcess) == "" {
		return
	}
	_, at := realSide(t, bobID(), "bob@reef", &echo{}, generous)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		n := Node{cfg: Config{Identity: bobID()}}
		echoTLS(tls.Server(c, n.tlsConfig(nil)), 512, 256)
	}()
	fmt.Println("echo", at, l.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// echoTLS answers so many octets with so many others.
func echoTLS(c *tls.Conn, there, back int) {
	buf := make([]byte, there)
	for {
		if _, err := io.ReadFull(c, buf); err != nil {
			return
		}
		if _, err := c.Write(buf[:back]); err != nil {
			return
		}
	}
}

// process is a copy of this test binary that runs one test, which says by a
// variable of the environment that it is meant. It ends with its input.
type process struct {
	in  io.WriteCloser
	out *bufio.Scanner
}

func startProcess(b *testing.B, test, mark string) process {
	b.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+test+"$", "-test.v")
	cmd.Env = append(os.Environ(), mark+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	return process{in, bufio.NewScanner(out)}
}

// said returns what follows a word that the process says.
func (p process) said(b *testing.B, word string) []string {
	b.Helper()
	for p.out.Scan() {
		if all := strings.Fields(p.out.Text()); len(all) > 1 && all[0] == word {
			return all[1:]
		}
	}
	b.Fatal("the other process said nothing")
	return nil
}

// places are the two addresses that follow a word.
func (p process) places(b *testing.B, word string) (node, bare netip.AddrPort) {
	b.Helper()
	at := p.said(b, word)
	return netip.MustParseAddrPort(at[0]), netip.MustParseAddrPort(at[1])
}

// BenchmarkS1_Processes is BenchmarkS1 between two processes, as two people
// have it: to both the wake-up of the other process belongs.
func BenchmarkS1_Processes(b *testing.B) {
	node, raw := startProcess(b, "TestEchoProcess", echoProcess).places(b, "echo")
	m := message(strings.Repeat("a message that fills its bucket of 512 octets ", 4))
	m.Request = true
	if n := padded(len(stanza.AppendAddressed(nil, m, "alice@kite", "bob@reef")) + len(requestAck)); n != 512 {
		b.Fatalf("the message takes %d octets", n)
	}
	h := &pinger{m: m, done: make(chan []time.Duration)}
	alice, _ := realSide(b, aliceID(), "alice@kite", h, generous)
	c, err := alice.Dial(b.Context(), nil, node, nil, "bob@reef")
	if err != nil {
		b.Fatal(err)
	}
	c.SetStanding(Accepted)
	tcp, err := net.Dial("tcp", raw.String())
	if err != nil {
		b.Fatal(err)
	}
	bare := Node{cfg: Config{Identity: aliceID()}}
	near := tls.Client(tcp, bare.tlsConfig(nil))
	defer func() { _ = near.Close() }()
	var tours, traw []time.Duration
	const turn = 50
	for n := 0; n < b.N; n += turn {
		h.left = turn
		h.send(c)
		tours = append(tours, <-h.done...)
		b.StopTimer()
		traw = append(traw, echoes(b, near, turn, 512, 256)...)
		b.StartTimer()
	}
	report(b, "p50", 500, tours, traw)
	report(b, "p99", 990, tours, traw)
}

// echoes measures so many rounds of echoTLS from the other end.
func echoes(b *testing.B, near *tls.Conn, n, there, back int) (took []time.Duration) {
	b.Helper()
	buf := make([]byte, there)
	for range n {
		from := time.Now()
		if _, err := near.Write(buf); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(near, buf[:back]); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(from))
	}
	return took
}
