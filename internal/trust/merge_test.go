package trust

import (
	"testing"
	"time"
)

// a backup never lowers a state, and what is older never takes the place of
// what is newer.
func TestR9_MergeLowersNobody(t *testing.T) {
	day := 24 * time.Hour
	tests := []struct {
		here, backup State
		age          time.Duration // of the backup's word: above zero is older than ours
		want         State
		raised       int
	}{
		{Verified, Pinned, -day, Verified, 0},
		{Verified, Pinned, day, Verified, 0},
		{Pinned, Verified, day, Verified, 1},
		{Pinned, Pinned, -day, Pinned, 0},
		{Blocked, Pinned, -day, Blocked, 0},
		{Blocked, Verified, -day, Blocked, 0},
		{Retired, Verified, -day, Retired, 0},
		{Retired, Blocked, -day, Retired, 0},
		{Verified, Blocked, day, Verified, 0},
		{Verified, Blocked, -day, Blocked, 1},
		{Pinned, Retired, -day, Retired, 1},
		{Pinned, Retired, day, Pinned, 0},
	}
	for _, tt := range tests {
		here := Contact{
			Pin: pin("x"), Petname: "here", State: tt.here, By: ByAccepted, Since: t1,
			FirstSeen: t1, LastSeen: t1, Names: []string{"x@new"},
		}
		from := here
		from.Petname, from.State, from.Since = "backup", tt.backup, t1.Add(-tt.age)
		from.FirstSeen, from.LastSeen, from.Names = t1.Add(-day), t1.Add(-day), []string{"x@old"}
		s, d := storeOf(t, here)
		done, err := s.Merge(fileOf(t, from))
		got, _ := s.Get(pin("x"))
		if err != nil || got.State != tt.want || done.Raised != tt.raised || done.Added != 0 {
			t.Errorf("%s here, %s in a backup %v older: %s, %+v, %v; want %s", tt.here, tt.backup, tt.age, got.State, done, err, tt.want)
		}
		if got.Petname != "here" || !got.FirstSeen.Equal(t1.Add(-day)) || !got.LastSeen.Equal(t1) || got.Names[0] != "x@new" {
			t.Errorf("%+v, want our petname, the first and the last time", got)
		}
		if again, _ := open(t, d).Get(pin("x")); again.State != tt.want {
			t.Errorf("on disk it is %s", again.State)
		}
	}
}

// Who is not kept comes as it was, under a petname that nobody else has.
func TestR9_MergeAdds(t *testing.T) {
	contact := func(word string, state State) Contact {
		return Contact{Pin: pin(word), Petname: "ada", State: state, By: ByAccepted, Since: t1, FirstSeen: t1, LastSeen: t1}
	}
	s, _ := storeOf(t, contact("here", Pinned))
	done, err := s.Merge(fileOf(t, contact("new", Verified)))
	if err != nil || done != (Merged{Added: 1}) {
		t.Fatalf("%+v, %v", done, err)
	}
	got, _ := s.Get(pin("new"))
	if got.State != Verified || got.Petname == "ada" || got.Petname == "" {
		t.Errorf("%+v, want verified, under another petname", got)
	}
	if here, _ := s.Get(pin("here")); here.Petname != "ada" {
		t.Errorf("ours is called %q now", here.Petname)
	}
}

// P-26: a pin store that is damaged or newer changes nothing.
func TestR9_MergeRefuses(t *testing.T) {
	s, d := storeOf(t, Contact{Pin: pin("x"), Petname: "x", State: Pinned, By: ByAccepted, Since: t1})
	before := string(d.files[fileName])
	for _, file := range []string{"", "{}", `{"version":99,"contacts":[]}`, `{"version":1,"contacts":[{}]}`} {
		if _, err := s.Merge([]byte(file)); err == nil || Check([]byte(file)) == nil {
			t.Errorf("%q was taken in", file)
		}
	}
	if string(d.files[fileName]) != before {
		t.Error("the file was changed")
	}
}

// fileOf is a pin store with one contact, as it is written.
func fileOf(t *testing.T, c Contact) []byte {
	t.Helper()
	table := newTable()
	table.put(c)
	data, err := encode(table)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func storeOf(t *testing.T, c Contact) (*Store, *disk) {
	t.Helper()
	d := newDisk()
	d.files[fileName] = fileOf(t, c)
	return open(t, d), d
}
