"""The application of server_test.go, on the original: python3 original.py SOURCE CASES KEYS

SOURCE is a directory with vimalloc/flask-jwt-extended, CASES a JSON file with profiles, KEYS the directory of their
keys. It serves every profile under /NAME/ and says on a line of its own where. The clock stands still: at the profiles'
instant, and as many seconds later as a request's X-Clock says.
"""

import datetime
import json
import os
import sys
from importlib.metadata import version

source, cases, keys = sys.argv[1:4]
sys.path.insert(0, source)

import flask
import flask_jwt_extended as fje
import flask_jwt_extended.config
import flask_jwt_extended.tokens
import flask_jwt_extended.view_decorators
import jwt
import jwt.api_jwt
import werkzeug.http
from werkzeug.serving import WSGIRequestHandler, make_server

with open(cases, encoding="utf-8") as file:
    recorded = json.load(file)
with open(os.path.join(keys, "keys.json"), encoding="utf-8") as file:
    known = json.load(file)
START = recorded["now"]
clock = START


class Standing(datetime.datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(clock, tz)


for module in (
    flask_jwt_extended.config, flask_jwt_extended.tokens, flask_jwt_extended.view_decorators, jwt.api_jwt,
    werkzeug.http,
):
    module.datetime = Standing


def resolve(value):
    """A reference to a key, or the value itself."""
    if not isinstance(value, dict):
        return value
    (kind, name), = value.items()
    if kind == "$secret":
        return known[name]["secret"]
    with open(os.path.join(keys, known[name][kind[1:]]), encoding="utf-8") as file:
        return file.read()


def body():
    """The body, where it is a JSON object."""
    try:
        value = json.loads(flask.request.get_data())
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def build(config, ext):
    app = flask.Flask("original")
    app.config.update({name: resolve(value) for name, value in config.items()})
    jm = fje.JWTManager(app)
    revoked = set()
    callbacks(jm, ext, revoked)
    routes(app, ext, revoked)
    return app


def callbacks(jm, ext, revoked):
    if ext.get("failing"):
        @jm.token_in_blocklist_loader
        def fails(header, claims):
            raise RuntimeError("the database is away")
    elif ext.get("blocklist", True):
        jm.token_in_blocklist_loader(lambda header, claims: claims["jti"] in revoked)
    if "users" in ext:
        @jm.user_lookup_loader
        def lookup(header, claims):
            identity = fje.utils.config.identity_claim_key
            name = claims[identity]
            return {"name": name} if name in ext["users"] else None
    if "verify_claim" in ext:
        @jm.token_verification_loader
        def verify(header, claims):
            return all(claims.get(name) == value for name, value in ext["verify_claim"].items())
    if "additional_claims_shared" in ext:
        jm.additional_claims_loader(lambda identity: ext["additional_claims_shared"])
    elif "additional_claims" in ext:
        jm.additional_claims_loader(lambda identity: dict(ext["additional_claims"]))
    if "additional_headers" in ext:
        jm.additional_headers_loader(lambda identity: dict(ext["additional_headers"]))
    if ext.get("identity_from_object"):
        jm.user_identity_loader(lambda o: str(o["id"]) if isinstance(o, dict) else o)
    if "keys_by_kid" in ext:
        @jm.decode_key_loader
        def decode_key(header, claims):
            return known[ext["keys_by_kid"].get(header.get("kid"), "default")]["secret"]

        @jm.encode_key_loader
        def encode_key(identity):
            return known[ext["keys_by_kid"][ext["encode_kid"]]]["secret"]
    if ext.get("error_loaders"):
        reasons = {jm.unauthorized_loader: (460, "unauthorized"), jm.invalid_token_loader: (461, "invalid")}
        for loader, (status, name) in reasons.items():
            loader(lambda text, status=status, name=name: (flask.jsonify(custom=name, reason=text), status))
        holders = {
            jm.expired_token_loader: (462, "expired"),
            jm.revoked_token_loader: (463, "revoked"),
            jm.needs_fresh_token_loader: (464, "needs_fresh"),
            jm.token_verification_failed_loader: (465, "verification_failed"),
            jm.user_lookup_error_loader: (466, "user_lookup_error"),
        }
        for loader, (status, name) in holders.items():
            loader(lambda header, claims, status=status, name=name: (
                flask.jsonify(custom=name, sub=claims.get("sub")), status))


def make_tokens(ext):
    asked = body()
    identity = asked.get("username")
    identity = "alice" if identity is None else identity
    fresh = asked.get("fresh", True)
    if isinstance(fresh, dict):
        fresh = datetime.timedelta(seconds=fresh["seconds"])

    def life(name):
        value = asked.get(name)
        if value is None or value is False:
            return value
        return datetime.timedelta(seconds=value)

    more = {"additional_claims": asked.get("claims"), "additional_headers": asked.get("headers")}
    access = fje.create_access_token(identity, fresh=fresh, expires_delta=life("expires"), **more)
    refresh = fje.create_refresh_token(identity, expires_delta=life("refresh_expires"), **more)
    return access, refresh


def routes(app, ext, revoked):
    def route(path, methods, view, **demands):
        if demands.pop("guarded", True):
            view = fje.jwt_required(**demands)(view)
        app.add_url_rule(path, path, view, methods=methods)

    def ok():
        return flask.jsonify(ok=True)

    def login():
        access, refresh = make_tokens(ext)
        return flask.jsonify(access_token=access, refresh_token=refresh)

    def login_cookies():
        access, refresh = make_tokens(ext)
        asked = body()
        response = flask.jsonify(login=True)
        fje.set_access_cookies(response, access, asked.get("max_age"), asked.get("domain"))
        fje.set_refresh_cookies(response, refresh, asked.get("max_age"), asked.get("domain"))
        return response

    def refresh():
        return flask.jsonify(access_token=fje.create_access_token(fje.get_jwt_identity()))

    def refresh_cookies():
        response = flask.jsonify(refresh=True)
        fje.set_access_cookies(response, fje.create_access_token(fje.get_jwt_identity()))
        return response

    def optional():
        identity = fje.get_jwt_identity()
        return flask.jsonify(sub=identity, anonymous=not fje.get_jwt())

    def logout():
        claims = fje.get_jwt()
        revoked.add(claims["jti"])
        return flask.jsonify(revoked=claims["type"])

    def whoami():
        return flask.jsonify(
            sub=fje.get_jwt_identity(), claims=fje.get_jwt(), header=fje.get_jwt_header(),
            location=fje.utils.get_jwt_request_location())

    def logout_cookies():
        asked = body()
        response = flask.jsonify(logout=True)
        unset = {"access": fje.unset_access_cookies, "refresh": fje.unset_refresh_cookies}
        unset.get(asked.get("which"), fje.unset_jwt_cookies)(response, asked.get("domain"))
        return response

    def any_type():
        return flask.jsonify(type=fje.get_jwt()["type"])

    def user():
        return flask.jsonify(user=fje.get_current_user())

    def only():
        return flask.jsonify(location=fje.utils.get_jwt_request_location())

    def echo():
        value, form = None, {}
        if "json" in flask.request.headers.get("Content-Type", ""):
            value = json.loads(flask.request.get_data() or "null")
        else:
            form = flask.request.form.to_dict()
        return flask.jsonify(sub=fje.get_jwt_identity(), json=value, form=form)

    def decode():
        asked = body()
        claims = fje.decode_token(asked.get("token", ""), asked.get("csrf"), asked.get("allow_expired", False))
        return flask.jsonify(claims=claims)

    def jti_csrf():
        token = body().get("token", "")
        return flask.jsonify(jti=fje.get_jti(token), csrf=fje.get_csrf_token(token))

    get, post, both = ["GET"], ["POST"], ["GET", "POST"]
    route("/login", post, login, guarded=False)
    route("/login_cookies", post, login_cookies, guarded=False)
    route("/refresh", post, refresh, refresh=True)
    route("/refresh_cookies", post, refresh_cookies, refresh=True)
    route("/protected", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"], ok)
    route("/optional", both, optional, optional=True)
    route("/optional_fresh", get, optional, optional=True, fresh=True)
    route("/refresh_optional", get, optional, optional=True, refresh=True)
    route("/fresh", both, ok, fresh=True)
    route("/skip_revocation", get, ok, skip_revocation_check=True)
    route("/logout", ["DELETE"], logout, verify_type=False)
    route("/whoami", ["GET", "POST", "OPTIONS"], whoami)
    route("/logout_cookies", post, logout_cookies, guarded=False)
    route("/any_type", both, any_type, verify_type=False)
    route("/any_type_refresh", both, any_type, verify_type=False, refresh=True)
    route("/user", get, user)
    route("/user_optional", get, user, optional=True)
    route("/unprotected_identity", get, lambda: flask.jsonify(sub=fje.get_jwt_identity()), guarded=False)
    for place in ("headers", "cookies", "query_string", "json"):
        route("/only/" + place, both, only, locations=[place])
    route("/only/query_then_headers", get, only, locations=["query_string", "headers"])
    route("/echo", post, echo)
    route("/decode", post, decode, guarded=False)
    route("/jti_csrf", post, jti_csrf, guarded=False)

    @app.after_request
    def implicit(response):
        if not ext.get("implicit_refresh") or flask.request.path == "/logout":
            return response
        try:
            claims = fje.get_jwt()
            soon = clock + ext["implicit_refresh"]
            if (fje.utils.get_jwt_request_location() == "cookies" and claims["type"] == "access"
                    and claims["exp"] < soon):
                fje.set_access_cookies(response, fje.create_access_token(fje.get_jwt_identity()))
        except (RuntimeError, KeyError):
            pass
        return response


def profiles():
    found = {}
    for name, profile in recorded["profiles"].items():
        ext = {key: value for key, value in profile["ext"].items() if value is not None}
        found[name] = build(profile["config"] or {}, ext)
    return found


apps = profiles()


def serve(environ, start_response):
    """Hands a request to its profile, at its time."""
    global clock
    clock = START + int(environ.get("HTTP_X_CLOCK", "0"))
    name, _, rest = environ["PATH_INFO"][1:].partition("/")
    environ["PATH_INFO"] = "/" + rest
    return apps[name](environ, start_response)


class Silent(WSGIRequestHandler):
    def log(self, type, message, *args):
        pass


if not os.environ.get("JOT_LIVE_LOG"):
    import logging
    logging.disable(logging.CRITICAL)
server = make_server("127.0.0.1", 0, serve, request_handler=Silent)
print("serving", server.port, fje.__version__, jwt.__version__, version("flask"), version("werkzeug"), flush=True)
server.serve_forever()
