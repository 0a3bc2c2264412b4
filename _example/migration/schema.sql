-- What app.py and main.go both keep: either may make it, and they may use it at the same time.
CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, password TEXT NOT NULL, role TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, owner INTEGER NOT NULL, text TEXT NOT NULL, public BOOLEAN NOT NULL);
CREATE TABLE IF NOT EXISTS revoked (jti TEXT PRIMARY KEY, ends INTEGER NOT NULL);
-- alice, whose password is wonderland, and bob, whose password is builder.
INSERT OR IGNORE INTO users VALUES
  (1, 'alice', 'pbkdf2:sha256:20000$Q2rV9sX1bTzKpM4e$710680278e7fa719a7b1d95a075703c805aaaf07aa936fd33875dc060ff1bf74', 'admin'),
  (2, 'bob', 'pbkdf2:sha256:20000$h7NcL0wYdEuJ5aGf$8b6eab1cb07de34616e923cfe464a2c75d7986a3867499f0f90b9410dd6d3152', 'reader');
INSERT OR IGNORE INTO notes VALUES (1, 1, 'Anybody may read this', TRUE), (2, 1, 'Only alice may read this', FALSE);
