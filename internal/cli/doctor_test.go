package cli

import (
	"bytes"
	"strings"
	"testing"

	"llchat/internal/chat"
	"llchat/internal/doctor"
	"llchat/internal/health"
)

// Scripts learn from the exit code whether something is wrong; a remark is not.
func TestDoctorVerdict(t *testing.T) {
	remark := doctor.Finding{Code: doctor.NobodyHeard, Severity: health.Info}
	tests := []struct {
		name     string
		findings []doctor.Finding
		code     int
		said     string
	}{
		{"nothing", nil, 0, ""},
		{"a remark", []doctor.Finding{remark}, 0, ""},
		{"a fault", []doctor.Finding{{Code: doctor.NoEcho, Severity: health.Error}, remark}, chat.CodeError, "llchat: error: something is wrong: no-echo\n"},
		{"a warning", []doctor.Finding{{Code: doctor.NoIPv4, Severity: health.Warning}}, chat.CodeError, "llchat: error: something is wrong: no-ipv4\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var errs bytes.Buffer
			a := newApp(Program{Stderr: &errs})
			if code := a.report(verdict(chat.Diagnosis{Findings: tt.findings})); code != tt.code || errs.String() != tt.said {
				t.Errorf("exit %d %q, want %d %q", code, errs.String(), tt.code, tt.said)
			}
		})
	}
	if o := try(t, &stub{}, "doctor", "--help"); !strings.Contains(o.out, "exit code is 0 when nothing is") {
		t.Errorf("the help does not say it:\n%s", o.out)
	}
}
