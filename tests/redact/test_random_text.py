"""What was drawn by chance is told from names, digests and ids."""

import base64
import secrets
import string

import pytest

from clusterproof.redact.random_text import guesses_bits, is_address, is_drawn_by_chance

NAMES = (
    "HorizontalPodAutoscalerV2Beta1List",
    "FailedCreatePodSandBoxWithoutTimeout2x",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "DefaultStorageClassV1GP3",
    "X509v3KeyUsageDigitalSignature",
    "model-router-7d9f8c6b5d-x2x4q",
    "3f1b2a7e-9c7d-4a53-9b68-0f3a5f1e2d4c",
    "184467440737095516150",
    "ab12" * 16,
    "arn:aws:eks:eu-central-1:123456789012:cluster/ShopProd1",
    "sha384-oqVuAfXRKap7fdgcCY5uykM6R9GqQ8KuxyHn9",
    "/var/run/secrets/kubernetes.io/serviceaccount/token",
    "2026-11-23T02:00:07.123456789Z",
)


@pytest.mark.parametrize("length", [20, 24, 32, 43, 64])
def test_nearly_all_text_drawn_by_chance_is_seen(length: int) -> None:
    letters = string.ascii_letters + string.digits
    texts = ["".join(secrets.choice(letters) for _ in range(length)) for _ in range(2000)]
    assert sum(map(is_drawn_by_chance, texts)) >= 0.9 * len(texts)


def test_base64_of_bytes_is_drawn_by_chance() -> None:
    texts = [base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2000)]
    assert sum(map(is_drawn_by_chance, texts)) >= 0.95 * len(texts)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_not(name: str) -> None:
    assert not is_drawn_by_chance(name)


@pytest.mark.parametrize(
    ("text", "bits"), [("", 0.0), ("5432", 13.3), ("true", 18.8), ("aB3d", 23.8)]
)
def test_how_hard_a_text_is_to_guess(text: str, bits: float) -> None:
    assert guesses_bits(text) == pytest.approx(bits, abs=0.1)


@pytest.mark.parametrize("text", ["a.b:80", "http://web.shop.svc:8000/x", "10.0.0.7"])
def test_an_address(text: str) -> None:
    assert is_address(text)
    assert not is_address(f"{text}?A=b")
