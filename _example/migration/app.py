"""Notes with login, in Flask. main.go beside it is the same application in Go.

    flask --app app run
"""

import json
import sqlite3
from contextlib import closing
from functools import wraps
from pathlib import Path

from flask import Flask, jsonify, redirect, render_template_string, request
from flask_jwt_extended import (
    JWTManager, create_access_token, create_refresh_token, current_user, get_jwt, get_jwt_identity, jwt_required,
    set_access_cookies, set_refresh_cookies, unset_jwt_cookies, verify_jwt_in_request,
)
from werkzeug.security import check_password_hash, generate_password_hash

app = Flask(__name__)
app.config.from_file("settings.json", load=json.load)
jwt = JWTManager(app)


# The database: users, notes and revoked tokens.

def rows(statement, *values):
    with closing(sqlite3.connect(app.config["DATABASE"])) as db, db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute(statement, values)]


with closing(sqlite3.connect(app.config["DATABASE"])) as database:
    database.executescript(Path(__file__).with_name("schema.sql").read_text(encoding="utf-8"))


# What ties the tokens to it.

@jwt.user_identity_loader
def identity_of(user):
    return str(user["id"])


@jwt.additional_claims_loader
def claims_of(user):
    return {"role": user["role"]}


@jwt.user_lookup_loader
def user_of(header, claims):
    found = rows("SELECT id, name, role FROM users WHERE id = ?", claims["sub"])
    return found[0] if found else None


@jwt.token_in_blocklist_loader
def is_revoked(header, claims):
    return bool(rows("SELECT jti FROM revoked WHERE jti = ?", claims["jti"]))


def revoke(claims):
    rows("INSERT OR IGNORE INTO revoked (jti, ends) VALUES (?, ?)", claims["jti"], claims["exp"])


# What is said to those who are refused.

def refused(text):
    if request.path.startswith("/api/"):
        return jsonify(error=text), 401
    return redirect("/login")


@jwt.unauthorized_loader
def nobody(reason):
    return refused(reason)


@jwt.expired_token_loader
def expired(header, claims):
    return refused("your login has ended")


@jwt.revoked_token_loader
def revoked(header, claims):
    return refused("you have logged out")


@jwt.needs_fresh_token_loader
def stale(header, claims):
    return jsonify(error="give your password again"), 403


def admin_required(view):
    @wraps(view)
    def guarded(*args, **kwargs):
        verify_jwt_in_request()
        if get_jwt()["role"] != "admin":
            return jsonify(error="for admins only"), 403
        return view(*args, **kwargs)
    return guarded


def checked(name, password):
    found = rows("SELECT id, role, password FROM users WHERE name = ?", name)
    return found[0] if found and check_password_hash(found[0]["password"], password) else None


# The API, whose clients send tokens in a header.

@app.post("/api/login")
def api_login():
    user = checked(request.json["name"], request.json["password"])
    if user is None:
        return jsonify(error="wrong name or password"), 401
    return jsonify(access_token=create_access_token(user, fresh=True), refresh_token=create_refresh_token(user))


@app.post("/api/refresh")
@jwt_required(refresh=True)
def api_refresh():
    return jsonify(access_token=create_access_token(current_user))


@app.delete("/api/logout")
@jwt_required(verify_type=False)
def api_logout():
    revoke(get_jwt())
    return jsonify(ended=get_jwt()["type"])


@app.get("/api/me")
@jwt_required()
def me():
    return jsonify(id=current_user["id"], name=current_user["name"], role=current_user["role"])


@app.get("/api/notes")
@jwt_required(optional=True)
def notes():
    return jsonify(rows("SELECT id, text FROM notes WHERE public OR owner = ? ORDER BY id", get_jwt_identity()))


@app.post("/api/notes")
@jwt_required()
def add_note():
    rows("INSERT INTO notes (owner, text, public) VALUES (?, ?, FALSE)", get_jwt_identity(), request.json["text"])
    return "", 204


@app.put("/api/password")
@jwt_required(fresh=True)
def change_password():
    password = generate_password_hash(request.json["password"], app.config["PASSWORD_METHOD"])
    rows("UPDATE users SET password = ? WHERE id = ?", password, get_jwt_identity())
    return "", 204


@app.get("/api/users")
@admin_required
def users():
    return jsonify(rows("SELECT id, name, role FROM users ORDER BY id"))


@app.delete("/api/users/<int:number>")
@admin_required
def delete_user(number):
    rows("DELETE FROM users WHERE id = ?", number)
    return "", 204


# The pages, whose browser sends them in cookies.

@app.get("/login")
def login_page():
    return "<form method=post><input name=name><input name=password type=password><button>Log in</button></form>"


@app.post("/login")
def login():
    user = checked(request.form["name"], request.form["password"])
    if user is None:
        return "wrong name or password", 401
    response = redirect("/")
    set_access_cookies(response, create_access_token(user, fresh=True))
    set_refresh_cookies(response, create_refresh_token(user))
    return response


@app.get("/")
@jwt_required()
def front():
    return render_template_string(
        "<p>{{ user.name }}</p><form method=post action=/logout>"
        "<input name=csrf_token type=hidden value={{ csrf }}><button>Log out</button></form>",
        user=current_user, csrf=get_jwt()["csrf"])


@app.post("/refresh")
@jwt_required(refresh=True)
def refresh():
    response = redirect("/")
    set_access_cookies(response, create_access_token(current_user))
    return response


@app.post("/logout")
@jwt_required()
def logout():
    revoke(get_jwt())
    response = redirect("/login")
    unset_jwt_cookies(response)
    return response
