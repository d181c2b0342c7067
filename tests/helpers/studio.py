"""What the page of a studio does, without a browser."""

from __future__ import annotations

import http.client
import json
import re

from helpers.program import wait_for

SMALL = {"size": "32", "iterations": "2"}


class Page:
    """What the page of a studio does."""

    def __init__(self, studio):
        self.studio = studio
        self.port = int(studio.url.rsplit(":", 1)[1].strip("/"))
        self.token = re.search(rb'name="token" content="([^"]+)"', self.get("/")[2])[1].decode()

    def ask(self, method, path, body=None, **headers):
        """Status, headers and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, names)
        answer = connection.getresponse()
        found = answer.status, dict(answer.headers), answer.read()
        connection.close()
        return found

    def get(self, path, **headers):
        return self.ask("GET", path, **headers)

    def json(self, path):
        return json.loads(self.get(path)[2])

    def post(self, path, body=b"", **headers):
        """Status and text of an answer."""
        body = json.dumps(body) if isinstance(body, dict) else body
        status, _, text = self.ask("POST", path, body, X_Token=self.token, **headers)
        return status, text.decode()

    def id(self, name):
        return next(each["id"] for each in self.json("/pictures") if each["name"] == name)

    def form(self, **changes):
        styles = [{"id": self.id("b.png"), "weight": 1}]
        asked = {"content": self.id("a.png"), "styles": styles, "look": "gram"}
        return {**asked, "model": "strokenet", "backend": "cpu", "settings": SMALL, **changes}

    def add(self, **changes):
        status, text = self.post("/jobs", self.form(**changes))
        assert status == 200, text
        return json.loads(text)["number"]

    def job(self, number):
        return next(each for each in self.json("/state")["jobs"] if each["number"] == number)

    def wait(self, number, *statuses):
        wait_for(lambda: self.job(number)["status"] in statuses or self.ended(number))
        assert self.job(number)["status"] in statuses, self.job(number)
        return self.job(number)

    def ended(self, number):
        return self.job(number)["status"] in ("finished", "stopped", "failed")

    def gallery(self):
        listed = self.json("/pictures")
        return {each["name"]: each for each in listed if each["made"] or each["unfinished"]}
