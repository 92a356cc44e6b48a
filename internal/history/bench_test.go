package history

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const line = "See you at the lake at seven, bring the boat and something to read."

func randomID() string {
	var raw [16]byte
	rand.Read(raw[:])
	return hex.EncodeToString(raw[:])
}

func percentile(times []time.Duration, p int) time.Duration {
	slices.Sort(times)
	return times[min(len(times)-1, len(times)*p/100)]
}

// D1: a durable commit against fdatasync of as many octets in the same run.
// The two take turns, so that both see the same disk.
func BenchmarkD1DurableCommit(b *testing.B) {
	dir := b.TempDir()
	s := open(b, filepath.Join(dir, "history.db"))
	plain, err := os.Create(filepath.Join(dir, "plain"))
	if err != nil {
		b.Fatal(err)
	}
	defer plain.Close()
	for range 500 { // past the growth of the first pages
		add(b, s, Message{ID: randomID(), Peer: bob, Direction: In, Body: line, Time: epoch})
	}
	record := []byte(line)
	var commits, syncs []time.Duration
	for b.Loop() {
		start := time.Now()
		add(b, s, Message{ID: randomID(), Peer: bob, Direction: In, Body: line, Time: epoch})
		commits = append(commits, time.Since(start))
		start = time.Now()
		if _, err := plain.Write(record); err != nil {
			b.Fatal(err)
		}
		if err := fdatasync(plain); err != nil {
			b.Fatal(err)
		}
		syncs = append(syncs, time.Since(start))
	}
	c, f := percentile(commits, 50), percentile(syncs, 50)
	b.ReportMetric(float64(c.Microseconds()), "commit-p50-us")
	b.ReportMetric(float64(percentile(commits, 99).Microseconds()), "commit-p99-us")
	b.ReportMetric(float64(f.Microseconds()), "fdatasync-p50-us")
	b.ReportMetric(float64(c)/float64(f), "x-fdatasync")
}

// Many conversations at once share commits.
func BenchmarkGroupCommit(b *testing.B) {
	for _, senders := range []int{1, 16, 128} {
		b.Run(fmt.Sprint(senders), func(b *testing.B) {
			s := open(b, dbPath(b))
			b.ReportAllocs()
			var next atomic.Int64
			var group sync.WaitGroup
			b.ResetTimer()
			for peer := range senders {
				group.Go(func() {
					for next.Add(1) <= int64(b.N) {
						if _, _, err := s.Append(Message{ID: randomID(), Peer: pin(peer), Direction: In, Body: line, Time: epoch}); err != nil {
							b.Error(err)
						}
					}
				})
			}
			group.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}

// fill stores n messages over ten conversations.
func fill(b *testing.B, s *Store, n int) {
	b.Helper()
	var next atomic.Int64
	var group sync.WaitGroup
	for range maxGroup {
		group.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				body := fmt.Sprintf("%s Number %d.", line, i)
				if _, _, err := s.Append(Message{ID: randomID(), Peer: pin(int(i) % 10), Direction: In, Body: body, Time: epoch}); err != nil {
					b.Error(err)
				}
			}
		})
	}
	group.Wait()
}

func BenchmarkPageOf50In100000(b *testing.B) {
	path := dbPath(b)
	s := open(b, path)
	fill(b, s, 100_000)
	closeStore(b, s)
	fi, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	start := time.Now()
	s = open(b, path)
	opened := time.Since(start)
	b.ReportAllocs()
	var times []time.Duration
	for b.Loop() {
		start := time.Now()
		if page, err := s.Page(pin(3), 0, 50); err != nil || len(page) != 50 {
			b.Fatal(len(page), err)
		}
		times = append(times, time.Since(start))
	}
	b.ReportMetric(float64(times[0].Microseconds()), "first-us")
	b.ReportMetric(float64(percentile(times, 50).Microseconds()), "p50-us")
	b.ReportMetric(float64(opened.Microseconds()), "open-us")
	b.ReportMetric(float64(fi.Size())/100_000, "disk-B/msg")
}

// BenchmarkOpenEmpty prints what an open, empty store keeps in memory.
func BenchmarkOpenEmpty(b *testing.B) {
	path := dbPath(b)
	closeStore(b, open(b, path))
	before, rss := heap(), resident(b)
	for b.Loop() {
		s, err := Open(path, testKey)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	s := open(b, path)
	b.ReportMetric(float64(heap()-before)/1024, "heap-KiB")
	b.ReportMetric(float64(resident(b)-rss)/1024, "rss-KiB")
	b.ReportMetric(float64(resident(b))/1024, "process-rss-KiB")
	runtime.KeepAlive(s)
}

func heap() int64 {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}

// resident is the process's memory in octets, 0 where /proc does not tell.
func resident(b *testing.B) int64 {
	b.Helper()
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, pages int64
	if _, err := fmt.Fscan(strings.NewReader(string(data)), &size, &pages); err != nil {
		b.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// BenchmarkResidentAfterUse prints what the store keeps in memory once both
// connections have worked.
func BenchmarkResidentAfterUse(b *testing.B) {
	s := open(b, dbPath(b))
	debug.FreeOSMemory()
	rss := resident(b)
	fill(b, s, max(b.N, 20_000))
	for n := range 10 {
		if _, err := s.Page(pin(n), 0, maxPage); err != nil {
			b.Fatal(err)
		}
	}
	debug.FreeOSMemory()
	b.ReportMetric(float64(resident(b)-rss)/1024, "rss-KiB")
	b.ReportMetric(float64(heap())/1024, "heap-KiB")
	b.ReportMetric(float64(resident(b))/1024, "process-rss-KiB")
}
