// Package histories is tests.
package histories
