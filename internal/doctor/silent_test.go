package doctor

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/mdns/wire"
)

// K5: for a ghost nothing is sent, and the report says what it could not look
// at. (That no frame leaves is test/lab TestDoctor_Ghost.)
func TestRun_Silent(t *testing.T) {
	r, err := Run(t.Context(), Options{Only: []string{loopbackName(t)}, Silent: true, Running: true, Name: "casper@attic", Port: 5298})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Silent || r.Seconds != 0 || r.Second.Asked || r.People != 0 {
		t.Errorf("report: %+v", r)
	}
	for _, code := range []string{NoEcho, NobodyHeard, MulticastFiltered, NotAnnounced, SecondOpinion, ClientIsolation, PortTaken} {
		if f, ok := r.Find(code); ok {
			t.Errorf("judged without looking: %+v", f)
		}
	}
	if !slices.ContainsFunc(r.Unchecked, func(s string) bool { return strings.Contains(s, "ghost") }) {
		t.Errorf("not said why: %q", r.Unchecked)
	}
	for _, wrong := range []string{"own multicast", "heard in", "casper"} {
		if strings.Contains(r.Text(), wrong) {
			t.Errorf("the text speaks of %q:\n%s", wrong, r.Text())
		}
	}
}

// P-16: what doctor asks for a quiet profile holds nothing that is anybody's:
// two service types and a name of random octets.
func TestQuestionNamesNobody(t *testing.T) {
	a, b := newMarker(), newMarker()
	if a.Equal(b) {
		t.Error("two runs share a marker")
	}
	m, err := wire.Parse(question(a))
	if err != nil {
		t.Fatal(err)
	}
	var asked []string
	for _, q := range m.Questions {
		asked = append(asked, q.Name.Key())
	}
	if d := cmp.Diff([]string{service.Key(), meta.Key(), a.Key()}, asked); d != "" || len(m.Answers)+len(m.Authority)+len(m.Additional) > 0 {
		t.Errorf("questions (-want +got):\n%s", d)
	}
}
