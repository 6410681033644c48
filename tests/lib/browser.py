# SPDX-License-Identifier: GPL-2.0
"""Headless Chromium, by WebDriver."""
import base64
import json
import re
import subprocess
import sys
import urllib.error
import urllib.request

BROWSER = ("--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run "
           "--disable-background-networking --disable-component-update --disable-sync "
           "--disable-dev-shm-usage --hide-scrollbars").split()


def call(method, url, body=None):
    """One command of WebDriver."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"},
                                     method=method)
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as error:
        sys.exit(f"{method} {url}: {json.load(error)['value']['message']}")


class Browser:
    def __init__(self, folder):
        for _ in range(5):  # the port that it picks may be in use for the other kind of addresses
            self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE,
                                           stderr=subprocess.STDOUT, text=True)
            port = re.search(r"on port (\d+)\.",
                             next((line for line in self.driver.stdout if "success" in line), ""))
            if port:
                break
        else:
            sys.exit("chromedriver does not start")
        base = f"http://127.0.0.1:{port[1]}/session"
        options = {"args": BROWSER + [f"--user-data-dir={folder}"]}
        value = call("POST", base, {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.base = f"{base}/{value['sessionId']}"

    def devtools(self, command, **parameters):
        return call("POST", self.base + "/goog/cdp/execute",
                    {"cmd": command, "params": parameters})

    def look(self, url, width, scheme):
        self.devtools("Emulation.setEmulatedMedia",
                      features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=900,
                      deviceScaleFactor=1, mobile=width < 500)
        call("POST", self.base + "/url", {"url": url})

    def run(self, script):
        return call("POST", self.base + "/execute/sync", {"script": script, "args": []})

    def run_later(self, script):
        return call("POST", self.base + "/execute/async", {"script": script, "args": []})

    def messages(self):
        return call("POST", self.base + "/se/log", {"type": "browser"})

    def shot(self, path, height=None, scale=1):
        """A picture of the page, or of the first pixels of its height."""
        data = self.devtools("Page.captureScreenshot", captureBeyondViewport=True, clip={
            "x": 0, "y": 0, "scale": scale, "width": self.run("return innerWidth"),
            "height": height or self.run("return document.documentElement.scrollHeight")})["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def end(self):
        call("DELETE", self.base)
        self.driver.terminate()
        self.driver.wait(30)
