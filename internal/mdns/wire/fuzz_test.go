package wire

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func seeds(f *testing.F) {
	for _, p := range captures(f) {
		f.Add(p)
	}
	legacy := announcement()
	legacy.Legacy = true
	for _, m := range []Message{announcement(), probe(), knownAnswers(3), legacy} {
		f.Add(encode(f, m))
	}
	f.Add(raw([4]int{65535, 65535, 65535, 65535}))
	f.Add(raw([4]int{0, 2}, rr(TypeNSEC, "\x00\x00\x00"), rr(TypeSRV, "\x00\x00\x00\x00\x15\x15\xc0\x0c")))
}

// What parses is within the bounds and, written and parsed again, equal.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(data)
		if err != nil {
			return
		}
		checkBounds(t, m)
		m.Skipped = 0
		for _, legacy := range []bool{false, true} {
			m.Legacy = legacy
			again, rest := m.Append(nil, 0)
			if !rest.Empty() {
				continue // compression of the sender was better than ours
			}
			got, err := Parse(again)
			if err != nil {
				t.Fatalf("%x written as %x: %v", data, again, err)
			}
			got.Legacy = legacy
			if got.Skipped == 1 && legacy {
				continue // uncompressed names may go over MaxNames
			}
			if diff := cmp.Diff(m, got, compareMessages); diff != "" {
				t.Fatalf("%x (-parsed +again)\n%s", data, diff)
			}
		}
	})
}

func checkBounds(t *testing.T, m Message) {
	t.Helper()
	records := slices.Concat(m.Answers, m.Authority, m.Additional)
	if len(m.Questions) > MaxQuestions || len(records) > MaxRecords {
		t.Fatalf("%d questions, %d records", len(m.Questions), len(records))
	}
	unique := map[Name]bool{}
	for _, q := range m.Questions {
		unique[q.Name] = true
	}
	for _, r := range records {
		unique[r.Name], unique[r.PTR], unique[r.SRV.Target], unique[r.NSEC.Next] = true, true, true, true
		if r.TTL > MaxTTL || len(r.TXT) > MaxTXT || len(r.NSEC.Types) > 256 || r.Class != ClassIN {
			t.Fatalf("record %+v", r)
		}
		ParseText(r.TXT)
	}
	total := -1 // the root of unused fields
	for n := range unique {
		total += n.Len()
		if len(n.wire) > MaxName {
			t.Fatalf("name %v", n)
		}
	}
	if total > MaxNames {
		t.Fatalf("%d octets of names", total)
	}
}

func FuzzOracle(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) { checkOracle(t, data) })
}

// What parses as pairs is written and parsed the same.
func FuzzText(f *testing.F) {
	f.Add([]byte("\x09txtvers=1\x04msg=\x04flag\x02=x\x05a\x00b=1"))
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, txt []byte) {
		pairs := ParseText(txt)
		again, err := AppendText(nil, pairs)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(pairs, ParseText(again)); diff != "" {
			t.Fatalf("%x (-parsed +again)\n%s", txt, diff)
		}
	})
}
