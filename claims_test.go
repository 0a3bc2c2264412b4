package jot_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot"
)

type (
	address struct {
		City string `json:"city"`
	}
	person struct {
		Named

		Sub  string             `json:"sub"`
		Home address            `json:"home"`
		Work *address           `json:"work"`
		Past []address          `json:"past"`
		More map[string]address `json:"more"`
	}
	// Named is embedded.
	Named struct {
		Name string `json:"name"`
	}
)

// What a claim is called decides, whatever else is called nearly so: at every depth, whatever it is decoded into.
func TestClaimsAsMatchesNamesExactly(t *testing.T) {
	const cities = `{"City":"x","CITY":"x","city":""}`
	token := verified(t, strings.Join([]string{
		`"Sub":"mallory","SUB":"mallory"`,
		`"Name":"mallory","NAME":"mallory","name":""`,
		`"Home":{"city":"x"},"home":` + cities,
		`"work":` + cities,
		`"past":[` + cities + `,{"city":"Bonn","City":"x"}]`,
		`"more":{"a":` + cities + `,"A":{"city":"Ulm"}},"MORE":{"a":{"city":"x"}}`,
	}, ","))
	ctx := jot.NewContext(ctx, token)
	want := person{
		Sub: "alice", Work: &address{}, Past: []address{{}, {"Bonn"}}, More: map[string]address{"a": {}, "A": {"Ulm"}},
	}

	value, err := jot.ClaimsAs[person](ctx)
	require.NoError(t, err)
	require.Equal(t, want, value)
	pointer, err := jot.ClaimsAs[*person](ctx)
	require.NoError(t, err)
	require.Equal(t, &want, pointer, "a pointer to a pointer to a struct is a struct")
	twice, err := jot.ClaimsAs[**person](ctx)
	require.NoError(t, err)
	require.Equal(t, want, **twice)

	var held any = new(person)
	require.NoError(t, token.Claims(&held), "an any that holds a pointer is what it points to")
	require.Equal(t, &want, held)

	var home address
	require.NoError(t, token.Claim("home", &home))
	require.Zero(t, home)
	var past []*address
	require.NoError(t, token.Claim("past", &past))
	require.Equal(t, []*address{{}, {"Bonn"}}, past)
	more, err := jot.ClaimsAs[map[string]json.RawMessage](ctx)
	require.NoError(t, err)
	require.Contains(t, more, "Sub", "a map takes every name")
	require.Contains(t, more, "sub")

	_, err = jot.ClaimsAs[*struct {
		Home string `json:"home"`
	}](ctx)
	require.ErrorContains(t, err, "claims do not fit **struct")
}

// A field that stays empty because its claim is spelled otherwise is a mistake that shows.
func TestClaimsOfAnotherCase(t *testing.T) {
	token := verified(t, `"plan":"hunter2","address":{"CITY":"hunter2"}`)
	ctx := jot.NewContext(ctx, token)
	_, err := jot.ClaimsAs[struct{ Plan string }](ctx)
	require.EqualError(t, err, `jot: claims do not fit *struct { Plan string }: `+
		`claim "plan" is not the field Plan: add the tag json:"plan"`)
	var home address
	err = token.Claim("address", &home)
	require.EqualError(t, err, `jot: claim "address" does not fit *jot_test.address: `+
		`claim "CITY" is not the field City, whose tag is json:"city"`)
	saysOnce(t, err)
}
