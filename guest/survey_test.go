package guest

import (
	"testing"
	"time"
)

// What a kind cannot measure is left out, and the links are not asked for.
func TestASurveyTellsWhatAStopWouldDo(t *testing.T) {
	h, n, _ := newHouse(t)
	links := func() map[string]LinkCount { t.Error("the links were listed"); return nil }
	before, err := h.Survey(t.Context(), n, true, links)
	if err != nil || before.Rung != "" || before.Worst != nil || before.Usage != nil {
		t.Errorf("before the first start: %+v, %v", before, err)
	}
	mustStart(t, h, n)
	for _, deep := range []bool{false, true} {
		st, err := h.Survey(t.Context(), n, deep, links)
		if err != nil || st.State != Running || st.Rung != "TERM" || st.Worst == nil || time.Duration(*st.Worst) != 10*time.Second || st.Usage != nil {
			t.Errorf("deep %v: %+v, %v", deep, st, err)
		}
		if (st.Condition != nil) != deep {
			t.Errorf("deep %v: the condition is %+v", deep, st.Condition)
		}
	}
	if _, err := h.Stop(t.Context(), n, &listener{}); err != nil {
		t.Fatal(err)
	}
}
