package site_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-jot/jot/_example/internal/site"
)

func TestDeviceOf(t *testing.T) {
	require.Equal(t, "Edge on Windows", site.DeviceOf("Mozilla/5.0 (Windows NT 10.0) Chrome/150 Safari/537 Edg/150"))
	require.Equal(t, "Unknown device", site.DeviceOf(""))
}
