package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// selector is the filters of a body. Spec: postStateValidators, getStateBuilders.
type selector struct {
	ids      []validatorID
	statuses []string
}

// badBody is the answer to a body that is not what it should be. A body that is too large is another matter.
func badBody(err error, want string) error {
	if errors.As(err, new(*http.MaxBytesError)) {
		return err
	}
	if errors.As(err, new(*Error)) {
		return err
	}
	return fail(http.StatusBadRequest, "Invalid body: %v, want %s", err, want)
}

const (
	wantList   = `a list of ids, such as ["1","0x93..."]`
	wantObject = `an object with ids and statuses, such as {"ids":["1"],"statuses":["active"]}`
)

// parseList reads a body that is a list of ids; none at all and null are an empty one.
func parseList(body io.Reader) (ids []validatorID, err error) {
	dec := json.NewDecoder(body)
	ids, err = idList(dec, "body")
	if errors.Is(err, io.EOF) && len(ids) == 0 && dec.InputOffset() == 0 {
		return nil, nil
	}
	if err == nil {
		err = atEnd(dec)
	}
	if err != nil {
		return nil, badBody(err, wantList)
	}
	return ids, nil
}

// parseSelector reads a body with filters; none at all is one without filters if that is allowed. Fields that are not known are passed over.
func parseSelector(body io.Reader, required bool) (sel selector, err error) {
	dec := json.NewDecoder(body)
	t, err := dec.Token()
	if errors.Is(err, io.EOF) && !required {
		return selector{}, nil
	}
	if err == nil && t != json.Delim('{') {
		err = errors.New("it is not an object")
	}
	if err != nil {
		return selector{}, badBody(err, wantObject)
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return selector{}, badBody(err, wantObject)
		}
		switch key {
		case "ids":
			sel.ids, err = idList(dec, "ids")
		case "statuses":
			sel.statuses, err = statusList(dec)
		default:
			err = dec.Decode(new(json.RawMessage))
		}
		if err != nil {
			return selector{}, badBody(err, wantObject)
		}
	}
	if _, err = dec.Token(); err == nil {
		err = atEnd(dec)
	}
	if err != nil {
		return selector{}, badBody(err, wantObject)
	}
	return sel, nil
}

// idList reads a list of ids, or null for an empty one, id by id.
func idList(dec *json.Decoder, field string) (ids []validatorID, err error) {
	err = texts(dec, field, maxBodyIDs, func(text string) error {
		id, ok := parseID(text)
		if !ok {
			return invalid(field, text, wantID)
		}
		ids = append(ids, id)
		return nil
	})
	return ids, err
}

// maxStatuses bounds a list of statuses, of which there are fewer.
const maxStatuses = 64

func statusList(dec *json.Decoder) (statuses []string, err error) {
	err = texts(dec, "statuses", maxStatuses, func(text string) error {
		statuses = append(statuses, text)
		return nil
	})
	return statuses, err
}

// texts reads a list of at most so many texts, or null for an empty one.
func texts(dec *json.Decoder, field string, most int, add func(string) error) error {
	t, err := dec.Token()
	if err != nil || t == nil {
		return err
	}
	if t != json.Delim('[') {
		return fail(http.StatusBadRequest, "Invalid %s: it is not a list", field)
	}
	for count := 0; dec.More(); count++ {
		if count == most {
			return fail(http.StatusRequestEntityTooLarge, "Too many values of %s in request, at most %d", field, most)
		}
		t, err := dec.Token()
		if err != nil {
			return err
		}
		text, ok := t.(string)
		if !ok {
			return fail(http.StatusBadRequest, "Invalid %s: value %d is not a text", field, count)
		}
		if err := add(text); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

// atEnd refuses what follows after the value.
func atEnd(dec *json.Decoder) error {
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		if err == nil {
			err = errors.New("something follows after the value")
		}
		return err
	}
	return nil
}
