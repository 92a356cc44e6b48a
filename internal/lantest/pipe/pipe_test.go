package pipe

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestOctetsArriveInOrder(t *testing.T) {
	a, b := Pair(1000)
	want := make([]byte, 100_000)
	if _, err := rand.Read(want); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = a.Write(want)
		_ = a.CloseWrite()
	}()
	got, err := io.ReadAll(b)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("got %d octets and %v, want %d and nil", len(got), err, len(want))
	}
}

func TestWriteDoesNotWaitForTheReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := New()
		if n, err := a.Write(make([]byte, Capacity)); n != Capacity || err != nil {
			t.Fatalf("got %d, %v", n, err)
		}
		_ = a.SetWriteDeadline(time.Now().Add(time.Second))
		if n, err := a.Write([]byte{1}); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a full pipe took %d octets, %v", n, err)
		}
	})
}

func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := New()
		start := time.Now()
		_ = a.SetReadDeadline(start.Add(3 * time.Second))
		_, err := a.Read(make([]byte, 1))
		var ne net.Error
		if !errors.As(err, &ne) || !ne.Timeout() || time.Since(start) != 3*time.Second {
			t.Fatalf("got %v after %v", err, time.Since(start))
		}
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the deadline did not last: %v", err)
		}
		_ = a.SetReadDeadline(time.Time{})
		go func() {
			time.Sleep(time.Hour)
			_, _ = b.Write([]byte("x"))
		}()
		if n, err := a.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("got %d, %v after the deadline was taken away", n, err)
		}
	})
}

func TestDeadlineMovedWhileReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := New()
		start := time.Now()
		_ = a.SetReadDeadline(start.Add(time.Hour))
		go func() {
			time.Sleep(time.Second)
			_ = a.SetReadDeadline(start.Add(2 * time.Second))
		}()
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if got := time.Since(start); got != 2*time.Second {
			t.Errorf("woke after %v", got)
		}
	})
}

func TestEnds(t *testing.T) {
	tests := []struct {
		name  string
		do    func(a, b *Conn)
		read  error // what b reads after the octets under way
		write error // what b gets for writing
		got   string
	}{
		{"half-close", func(a, _ *Conn) { _, _ = a.Write([]byte("hi")); _ = a.CloseWrite() }, io.EOF, nil, "hi"},
		{"close", func(a, _ *Conn) { _, _ = a.Write([]byte("hi")); _ = a.Close() }, io.EOF, syscall.EPIPE, "hi"},
		{"close with octets unread", func(a, b *Conn) {
			_, _ = b.Write([]byte("unread"))
			_, _ = a.Write([]byte("hi"))
			_ = a.Close()
		}, syscall.ECONNRESET, syscall.EPIPE, ""},
		{"reset", func(a, _ *Conn) { _, _ = a.Write([]byte("hi")); a.Reset() }, syscall.ECONNRESET, syscall.ECONNRESET, ""},
		{"own close", func(_, b *Conn) { _ = b.Close() }, net.ErrClosed, net.ErrClosed, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := Pair(Capacity)
			tt.do(a, b)
			var got []byte
			var err error
			for buf := make([]byte, 1); err == nil; {
				var n int
				n, err = b.Read(buf)
				got = append(got, buf[:n]...)
			}
			if string(got) != tt.got || !errors.Is(err, tt.read) {
				t.Errorf("read %q and %v, want %q and %v", got, err, tt.got, tt.read)
			}
			if _, err := b.Write([]byte("x")); !errors.Is(err, tt.write) {
				t.Errorf("write: got %v, want %v", err, tt.write)
			}
		})
	}
}

func TestCloseWakesTheReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := New()
		go func() {
			time.Sleep(time.Second)
			_ = a.Close()
		}()
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v", err)
		}
		if err := a.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second close: got %v", err)
		}
	})
}

func TestListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := netip.MustParseAddrPort("192.0.2.9:5298")
		from := netip.MustParseAddrPort("192.0.2.10:40001")
		l := Listen(at)
		near, err := l.Dial(t.Context(), from)
		if err != nil {
			t.Fatal(err)
		}
		far, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if got, want := far.RemoteAddr().String(), from.String(); got != want {
			t.Errorf("remote: got %s, want %s", got, want)
		}
		if got, want := near.RemoteAddr().String(), at.String(); got != want {
			t.Errorf("remote: got %s, want %s", got, want)
		}
		_ = l.Close()
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept after close: %v", err)
		}
		if _, err := l.Dial(context.Background(), from); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial after close: %v", err)
		}
	})
}
