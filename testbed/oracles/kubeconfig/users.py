"""The users of generated kubeconfigs: tokens, certificates, exec plugins, who they act as."""

import json
from typing import Any

import yaml

from testbed.oracles.kubeconfig.situation import (
    GROUP,
    OTHER_TOKEN,
    TOKEN,
    Case,
    Material,
    Odd,
    Pick,
    in_base64,
    mark,
    noting,
)


def user_entry(
    pick: Pick, material: Material, made: Case, name: str, file: Odd, root: str = ""
) -> dict[str, Any]:
    """A user; what it needs beside the kubeconfig is added to the case.

    Its own files have `name` in theirs. `file` is what is odd about its kubeconfig, `root` leads
    from there to the folder kube.
    """
    odd = dict(file)
    pick = noting(pick, odd)
    pem = material.pem
    way = pick(
        "user",
        ("token",) * 4
        + (
            "token-file",
            "token-file",
            "token+file",
            "token+file-absent",
            "file-absent",
            "file-empty",
        )
        + ("token-newline", "token-space", "token-number", "token-y", "token-utf8", "null-token")
        + ("basic", "basic-utf8", "token+basic", "file+basic", "password-only", "none")
        + ("cert", "cert", "cert-file", "cert-file", "cert-both", "cert-no-key", "cert-other-key")
        + (
            "key-only",
            "cert-absent",
            "cert+token",
            "cert+basic",
            "key-both",
            "cert-null",
            "cert-no-pem",
        )
        + ("gcp", "azure", "unknown-provider", "provider+exec", "token+exec")
        + ("exec",) * 12,
    )
    pair = {
        "client-certificate-data": in_base64(pem["client.crt"]),
        "client-key-data": in_base64(pem["client.key"]),
    }
    paths = {
        "client-certificate": f"{root}pki/client.crt",
        "client-key": f"{root}pki/client.key",
    }
    made.files["kube/token"] = f"  {OTHER_TOKEN}\n".encode()
    made.files["kube/empty"] = b"\n"
    ways: dict[str, dict[str, Any]] = {
        "token": {"token": TOKEN},
        "token-file": {"tokenFile": f"{root}token"},
        "token+file": {"token": TOKEN, "tokenFile": f"{root}token"},
        "token+file-absent": {"token": TOKEN, "tokenFile": f"{root}absent"},
        "file-absent": {"tokenFile": f"{root}absent"},
        "file-empty": {"tokenFile": f"{root}empty"},
        "token-newline": {"token": f"{TOKEN}\n"},
        "token-space": {"token": f"{TOKEN} "},
        "token-number": {"token": 12345},
        "token-y": {"token": "y"},
        "token-utf8": {"token": "tökén"},
        "null-token": {"token": None, "tokenFile": f"{root}token"},
        "basic": {"username": "me", "password": "pass:word"},
        "basic-utf8": {"username": "mé", "password": "ü"},
        "token+basic": {"token": TOKEN, "username": "me", "password": "x"},
        "file+basic": {"tokenFile": f"{root}token", "username": "me", "password": "x"},
        "password-only": {"password": "x", **pair},
        "cert": pair,
        "cert-file": paths,
        "cert-both": pair | paths,
        "cert-no-key": {"client-certificate": f"{root}pki/client.crt"},
        "cert-other-key": pair | {"client-key-data": in_base64(pem["other.key"])},
        "key-only": {"client-key": f"{root}pki/absent.key", "token": TOKEN},
        "cert-absent": paths | {"client-certificate": f"{root}pki/absent.crt"},
        "cert+token": pair | {"token": TOKEN},
        "cert+basic": pair | {"username": "me", "password": "x"},
        "key-both": pair | {"client-key": f"{root}pki/client.key"},
        "cert-null": {"client-certificate-data": None, **paths},
        "cert-no-pem": pair | {"client-certificate-data": in_base64("no certificate")},
        "gcp": {"auth-provider": {"name": "gcp", "config": {"access-token": TOKEN}}},
        "azure": {"auth-provider": {"name": "azure"}},
        "unknown-provider": {"auth-provider": {"name": "x"}, "token": TOKEN},
        "token+exec": {"token": TOKEN},
        "provider+exec": {"auth-provider": {"name": "x"}, "exec": {"command": "true"}},
    }
    user = dict(ways.get(way, {}))
    if way in {"exec", "token+exec"}:
        user["exec"] = _plugin(pick, material, made, name, root)
    return user | _acting(pick) | mark(odd)


def _acting(pick: Pick) -> dict[str, Any]:
    acting = pick(
        "as", ("none",) * 5 + ("user", "all", "odd", "groups-only", "newline", "extra-null")
    )
    ways: dict[str, dict[str, Any]] = {
        "user": {"as": "jane"},
        "all": {
            "as": "jane",
            "as-uid": "u-1",
            "as-groups": ["developers", "admins"],
            "as-user-extra": {"scopes": ["view", "edit"], "reason": ["night"]},
        },
        "odd": {"as": "jané:x", "as-user-extra": {"acme.com/pro ject%": ["ä", ""]}},
        "groups-only": {"as-groups": ["developers"]},
        "newline": {"as": "jane\nX-Evil: 1"},
        "extra-null": {"as": "jane", "as-groups": [None, "g"], "as-user-extra": {"k": None}},
    }
    return ways.get(acting, {})


def _plugin(pick: Pick, material: Material, made: Case, name: str, root: str) -> dict[str, Any]:
    version = pick(
        "exec.apiVersion", ("v1", "v1", "v1", "v1beta1", "v1beta1", "v1alpha1", "none", "v2")
    )
    api_version = "" if version == "none" else f"{GROUP}/{version}"
    says = pick(
        "exec.says",
        ("token",) * 4
        + (
            "cert",
            "cert+token",
            "cert-only",
            "key-only",
            "nothing",
            "no-status",
            "other-version",
            "no-kind",
            "garbage",
        )
        + ("exit-3", "yaml", "expired", "bad-expiry", "expiry", "number", "cert-no-pem"),
    )
    credential: dict[str, Any] = {"apiVersion": api_version, "kind": "ExecCredential"}
    pair = {
        "clientCertificateData": material.pem["client.crt"],
        "clientKeyData": material.pem["client.key"],
    }
    statuses: dict[str, dict[str, Any]] = {
        "cert": pair,
        "cert+token": pair | {"token": TOKEN},
        "cert-only": {"clientCertificateData": material.pem["client.crt"]},
        "key-only": {"clientKeyData": material.pem["client.key"], "token": TOKEN},
        "nothing": {},
        "expired": {"token": TOKEN, "expirationTimestamp": "2020-01-01T00:00:00Z"},
        "bad-expiry": {"token": TOKEN, "expirationTimestamp": "tomorrow"},
        "expiry": {"token": TOKEN, "expirationTimestamp": "2099-01-01T00:00:00+02:00"},
        "number": {"token": 7},
        "cert-no-pem": {"clientCertificateData": "x", "clientKeyData": "y"},
    }
    status = statuses.get(says, {"token": TOKEN})
    if says != "no-status":
        credential["status"] = status
    if says == "other-version":
        credential["apiVersion"] = f"{GROUP}/v1beta1" if version == "v1" else f"{GROUP}/v1"
    if says == "no-kind":
        del credential["kind"]
    output = yaml.safe_dump(credential) if says == "yaml" else json.dumps(credential)
    if says == "garbage":
        output = "not a credential"
    made.files[f"kube/answer-{name}"] = output.encode()
    made.files[f"kube/bin/plugin-{name}"] = (
        "#!/bin/sh\n"
        'echo "$KUBERNETES_EXEC_INFO" >> "$HOME/info"\n'
        'echo "$0|$*|$CASE_ENV" >> "$HOME/calls"\n'
        f'cat "$HOME/kube/answer-{name}"\n'
        f"exit {3 if says == 'exit-3' else 0}\n"
    ).encode()
    command = pick(
        "exec.command", ("relative",) * 5 + ("dotted", "path", "absent", "absent-path", "none")
    )
    plugin: dict[str, Any] = {
        "apiVersion": api_version,
        "command": {
            "relative": f"{root}bin/plugin-{name}",
            "dotted": f"./{root}bin/../bin/plugin-{name}",
            "path": f"plugin-{name}",
            "absent": "no-such-plugin",
            "absent-path": f"{root}bin/no-such-plugin",
        }.get(command, ""),
    }
    made.environment["PATH"] = "{folder}/kube/bin:/usr/bin:/bin"
    mode = pick(
        "exec.interactiveMode", ("Never", "Never", "IfAvailable", "Always", "none", "never")
    )
    if mode != "none":
        plugin["interactiveMode"] = mode
    if pick("exec.args", ("none", "some")) == "some":
        plugin |= {
            "args": ["get-token", "--x=a b"],
            "env": [{"name": "CASE_ENV", "value": "from the kubeconfig"}],
            "installHint": "install it",
        }
    if pick("exec.provideClusterInfo", ("no", "yes")) == "yes":
        plugin["provideClusterInfo"] = True
    return plugin
