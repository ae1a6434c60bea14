package apiclient

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

func TestGenesisAndValidatorsAreRead(t *testing.T) {
	root := types.Root{0xab}
	key := types.BLSPubkey{0xcd}
	c := client(t, func(out http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/eth/v1/beacon/genesis":
			fmt.Fprintf(out, `{"data":{"genesis_time":"7","genesis_validators_root":"%v","genesis_fork_version":"0x00000000"}}`, root)
		case "/eth/v1/beacon/states/head/validators/" + key.String():
			fmt.Fprintf(out, `{"data":{"index":"5","balance":"1","status":"active_ongoing","validator":{"pubkey":"%v","withdrawal_credentials":"%v"}}}`, key, root)
		case "/eth/v1/beacon/states/head/validators/6":
			fmt.Fprint(out, `{"data":{"index":"6","validator":{"pubkey":"0x00"}}}`)
		default:
			http.NotFound(out, r)
		}
	})
	if g, err := c.Genesis(t.Context()); err != nil || g != (Genesis{7, root}) {
		t.Errorf("genesis is %v, %v", g, err)
	}
	v, err := c.Validator(t.Context(), "head", key.String())
	if err != nil || v != (ValidatorOf{5, "active_ongoing", key, root}) {
		t.Errorf("validator is %+v, %v", v, err)
	}
	if _, err := c.Validator(t.Context(), "head", "6"); err == nil {
		t.Error("half a validator is taken")
	}
	if _, err := c.Validator(t.Context(), "head", "7"); !IsNotFound(err) {
		t.Errorf("none: %v", err)
	}
	if _, err := client(t, says(`{"data":{}}`)).Genesis(t.Context()); err == nil {
		t.Error("an empty genesis is taken")
	}
}

func TestOperationsAreHandedIn(t *testing.T) {
	var got []string
	c := client(t, func(out http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %v, %v", r.Method, r.Header, err)
		}
		got = append(got, r.URL.Path+" "+string(body))
	})
	if err := c.SubmitVoluntaryExit(t.Context(), &types.SignedVoluntaryExit{Message: types.VoluntaryExit{Epoch: 3, ValidatorIndex: 4}}); err != nil {
		t.Fatal(err)
	}
	if err := c.SubmitBLSChange(t.Context(), &types.SignedBLSToExecutionChange{Message: types.BLSToExecutionChange{ValidatorIndex: 4}}); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || !strings.HasPrefix(got[0], `/eth/v1/beacon/pool/voluntary_exits {"message":{"epoch":"3","validator_index":"4"}`) ||
		!strings.HasPrefix(got[1], `/eth/v1/beacon/pool/bls_to_execution_changes [{"message":{"validator_index":"4"`) {
		t.Errorf("handed in: %q", got)
	}
	refuses := client(t, func(out http.ResponseWriter, _ *http.Request) {
		out.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(out, `{"code":400,"message":"already exited"}`)
	})
	if err := refuses.SubmitVoluntaryExit(t.Context(), &types.SignedVoluntaryExit{}); err == nil || !strings.Contains(err.Error(), "already exited") {
		t.Errorf("a refusal: %v", err)
	}
}

// Of a list that is handed in the server says which items it refused. What contradicts itself is an error of the whole list.
func TestRefusedItems(t *testing.T) {
	cx := ssz.Context{Spec: params.Minimal(), Fork: params.Electra}
	messages := make([]types.SyncCommitteeMessage, 3)
	for name, c := range map[string]struct {
		code   int
		answer string
		want   map[int]string // nil for a StatusError
	}{
		"one":             {400, `{"code":400,"message":"some failures","failures":[{"index":1,"message":"bad signature"}]}`, map[int]string{1: "bad signature"}},
		"as text":         {400, `{"code":400,"message":"some failures","failures":[{"index":"2","message":"late"}]}`, map[int]string{2: "late"}},
		"long words":      {400, `{"failures":[{"index":0,"message":"` + strings.Repeat("x", 40<<10) + `"}]}`, nil},
		"none":            {400, `{"code":400,"message":"bad list","failures":[]}`, nil},
		"no such item":    {400, `{"code":400,"failures":[{"index":3,"message":"x"}]}`, nil},
		"a negative item": {400, `{"code":400,"failures":[{"index":-1,"message":"x"}]}`, nil},
		"too many":        {400, `{"code":400,"failures":[` + strings.Repeat(`{"index":1,"message":"x"},`, 3) + `{"index":1,"message":"x"}]}`, nil},
		"another error":   {500, `{"code":500,"failures":[{"index":1,"message":"x"}]}`, nil},
	} {
		client := client(t, func(out http.ResponseWriter, _ *http.Request) {
			out.WriteHeader(c.code)
			fmt.Fprint(out, c.answer)
		})
		err := client.SubmitSyncMessages(t.Context(), cx, messages)
		var refused *ItemsError
		var status *StatusError
		if errors.As(err, &refused) != (c.want != nil) || errors.As(err, &status) != (c.want == nil) || refused != nil && !maps.Equal(refused.Failures, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
