package main

import (
	"context"
	"database/sql"
	"net/http"
	"strings"

	"github.com/go-jot/jot"
)

type note struct {
	ID   int64
	Text string
}

// notes are what there is to protect. Each query asks for the owner, so that nobody reaches another's.
type notes struct{ db *sql.DB }

func newNotes(ctx context.Context, db *sql.DB) (*notes, error) {
	_, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS notes
		(id INTEGER PRIMARY KEY, owner TEXT NOT NULL, text TEXT NOT NULL)`)
	return &notes{db}, err
}

func (n *notes) of(ctx context.Context, owner string) (all []note, err error) {
	rows, err := n.db.QueryContext(ctx, `SELECT id, text FROM notes WHERE owner = ? ORDER BY id DESC`, owner)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var each note
		if err := rows.Scan(&each.ID, &each.Text); err != nil {
			return nil, err
		}
		all = append(all, each)
	}
	return all, rows.Err()
}

func (n *notes) add(ctx context.Context, owner, text string) error {
	_, err := n.db.ExecContext(ctx, `INSERT INTO notes (owner, text) VALUES (?, ?)`, owner, text)
	return err
}

func (n *notes) remove(ctx context.Context, owner, id string) error {
	_, err := n.db.ExecContext(ctx, `DELETE FROM notes WHERE owner = ? AND id = ?`, owner, id)
	return err
}

func (n *notes) clear(ctx context.Context, owner string) error {
	_, err := n.db.ExecContext(ctx, `DELETE FROM notes WHERE owner = ?`, owner)
	return err
}

func (s *server) notesPage(w http.ResponseWriter, r *http.Request) {
	s.showNotes(w, r, http.StatusOK, page{})
}

// showNotes adds the user's notes to a page.
func (s *server) showNotes(w http.ResponseWriter, r *http.Request, status int, p page) {
	var err error
	if p.Notes, err = s.notes.of(r.Context(), jot.Identity(r.Context())); err != nil {
		s.auth.WriteError(w, r, err)
		return
	}
	s.show(w, r, status, "notes", p)
}

func (s *server) addNote(w http.ResponseWriter, r *http.Request) {
	text := strings.TrimSpace(r.PostForm.Get("text"))
	if text == "" {
		s.showNotes(w, r, http.StatusUnprocessableEntity, page{Error: "Write something first."})
		return
	}
	if err := s.notes.add(r.Context(), jot.Identity(r.Context()), text); err != nil {
		s.auth.WriteError(w, r, err)
		return
	}
	redirect(w, r, "/notes")
}

func (s *server) deleteNote(w http.ResponseWriter, r *http.Request) {
	if err := s.notes.remove(r.Context(), jot.Identity(r.Context()), r.PostForm.Get("id")); err != nil {
		s.auth.WriteError(w, r, err)
		return
	}
	redirect(w, r, "/notes")
}
