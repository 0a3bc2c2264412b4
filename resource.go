package jot

import (
	"errors"
	"net/url"
	"strings"
)

// ResourceMetadata tells clients that do not know this service where to get a token for it: OAuth 2.0 Protected
// Resource Metadata (RFC 9728). See [WithResourceMetadata].
type ResourceMetadata struct {
	// Resource is the service's identifier: an https URL without query and fragment, or http on this machine. Tokens
	// for it usually have it as their audience.
	Resource string `json:"resource"`
	// AuthorizationServers are the issuers that make tokens for it.
	AuthorizationServers []string `json:"authorization_servers,omitempty"`
	// Scopes are those that a client may ask for.
	Scopes []string `json:"scopes_supported,omitempty"`
	// Name and Documentation are for people: the latter is a URL.
	Name          string `json:"resource_name,omitempty"`
	Documentation string `json:"resource_documentation,omitempty"`
}

const wellKnownResource = "/.well-known/oauth-protected-resource"

// address returns where the metadata is, and what is wrong with it.
func (r *ResourceMetadata) address() (where string, err error) {
	u, err := url.Parse(r.Resource)
	switch {
	case err != nil || u.Host == "" || u.User != nil || strings.ContainsAny(r.Resource, `?#"\`):
		return "", errors.New("the Resource is no URL without query and fragment")
	case u.Scheme != "https" && (u.Scheme != "http" || !isHere(u.Hostname())):
		return "", errors.New("the Resource is no https URL")
	}
	for _, server := range r.AuthorizationServers {
		if u, err := url.Parse(server); err != nil || u.Host == "" {
			return "", errors.New("one of AuthorizationServers is no URL")
		}
	}
	return u.Scheme + "://" + u.Host + wellKnownResource + strings.TrimSuffix(u.EscapedPath(), "/"), nil
}
