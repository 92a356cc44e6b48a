package history

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"llchat/internal/identity"
)

// searchEnv is how many messages BenchmarkD2Search has; the bar of D2 is about
// 1,000,000, which take a minute or two to make.
const searchEnv = "LLCHAT_BENCH_MESSAGES"

// chatter makes texts of 8 to 16 words. Word n stands in about one of n
// messages, as in a language.
type chatter struct{ dice *rand.Zipf }

func newChatter() chatter {
	return chatter{rand.NewZipf(rand.New(rand.NewPCG(174, 2)), 1.05, 2, 20_000)}
}

func (c chatter) body() string {
	var b strings.Builder
	for n := c.dice.Uint64(); b.Len() < 45 || n%3 != 0 && b.Len() < 90; n = c.dice.Uint64() {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(word(n))
	}
	return b.String()
}

// word is always the same one for n.
func word(n uint64) string {
	const syllables = "bacedifoguhajekilomunaperisotuvawexiyozu"
	var text strings.Builder
	for n += 20; n > 0; n /= 20 {
		text.WriteString(syllables[n%20*2 : n%20*2+2])
	}
	return text.String()
}

// converse stores n messages: half with one peer, a thousandth with another,
// the rest over 20.
func converse(b *testing.B, s *Store, n int) {
	b.Helper()
	talk := newChatter()
	for done := 0; done < n; {
		err := s.write("fill", func(c *conn) error {
			for range min(5000, n-done) {
				peer := pin(done % 20)
				switch {
				case done%1000 == 0:
					peer = carol
				case done%2 == 0:
					peer = bob
				}
				m := Message{ID: randomID(), Peer: peer, Direction: In, Body: talk.body(), State: Received, Time: epoch}
				if _, _, _, err := s.append(c, m); err != nil {
					return err
				}
				done++
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// D2: the newest 50 hits, warm, and what opening such a file takes, against a
// page of 50 messages of the same store.
func BenchmarkD2Search(b *testing.B) {
	n := 20_000
	if v := os.Getenv(searchEnv); v != "" {
		var err error
		if n, err = strconv.Atoi(v); err != nil {
			b.Fatal(err)
		}
	}
	path := dbPath(b)
	s := open(b, path)
	start := time.Now()
	converse(b, s, n)
	if err := s.indexAll(); err != nil {
		b.Fatal(err)
	}
	closeStore(b, s)
	b.Logf("%d messages in %v", n, time.Since(start).Round(time.Second))
	fi, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	start = time.Now()
	s = open(b, path)
	opened := time.Since(start)
	for _, c := range []struct {
		name, query string
		peer        *identity.Pin
	}{
		{"common", word(0), nil},
		{"usual", word(40), nil},
		{"rare", word(5_000), nil},
		{"two", word(3) + " " + word(60), nil},
		{"phrase", fmt.Sprintf("%q", word(0)+" "+word(1)), nil},
		{"prefix", word(40)[:3] + "*", nil},
		{"none", "zzzz", nil},
		{"common-with-one", word(0), &bob},
		{"common-with-seldom", word(0), &carol},
		{"usual-with-seldom", word(40), &carol},
	} {
		b.Run(c.name, func(b *testing.B) {
			searchOnce(b, s, c.query, c.peer)
			b.ReportMetric(float64(opened.Microseconds()), "open-us")
			b.ReportMetric(float64(fi.Size())/float64(n), "disk-B/msg")
		})
	}
}

func searchOnce(b *testing.B, s *Store, query string, peer *identity.Pin) {
	b.Helper()
	var times, pages []time.Duration
	hits := 0
	for b.Loop() {
		start := time.Now()
		list, err := s.Search(query, peer, 0, 50)
		if err != nil {
			b.Fatal(err)
		}
		times = append(times, time.Since(start))
		hits = len(list)
		start = time.Now()
		if _, err := s.Page(bob, 0, 50); err != nil {
			b.Fatal(err)
		}
		pages = append(pages, time.Since(start))
	}
	first := times[0]
	p50, page := percentile(times, 50), percentile(pages, 50)
	b.ReportMetric(float64(hits), "hits")
	b.ReportMetric(float64(first.Microseconds()), "first-us")
	b.ReportMetric(float64(p50.Microseconds()), "p50-us")
	b.ReportMetric(float64(p50)/float64(page), "x-page")
}
