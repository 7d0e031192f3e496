"""Chat histories as one prompt."""

from __future__ import annotations

from providers.inputs.conversation import as_prompt, last_image, last_question, only_text


def test_a_lone_question_is_left_as_it_is() -> None:
    assert as_prompt([], "What?") == "What?"
    assert as_prompt([{"role": "user", "content": " What? "}], "What?") == "What?"


def test_a_conversation_ends_where_the_assistant_is_to_speak() -> None:
    messages: list[dict[str, object]] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "assistant", "content": "  "},
        {"role": "user", "content": [{"type": "text", "text": "What?"}]},
    ]
    assert as_prompt(messages, "What?") == ("System: Be brief.\nUser: Hi\nAssistant: Hello\nUser: What?\nAssistant:")


def test_a_question_of_its_own_is_the_last_turn() -> None:
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    assert as_prompt(messages, "And now?") == "User: Hi\nAssistant: Hello\nUser: And now?\nAssistant:"


def test_the_newest_picture_of_the_user_counts() -> None:
    def picture(url: object) -> dict[str, object]:
        return {"type": "image_url", "image_url": url}

    messages: list[dict[str, object]] = [
        {"role": "user", "content": [picture({"url": "https://example.com/1"})]},
        {"role": "user", "content": [picture({"url": "https://example.com/2"}), picture("https://example.com/3")]},
        {"role": "assistant", "content": [picture({"url": "https://example.com/4"})]},
        {"role": "user", "content": "no picture"},
    ]
    assert last_image(messages) == "https://example.com/3"
    assert last_question(messages) == "no picture"
    assert only_text(messages)[3] == {"role": "user", "content": "no picture"}


def test_nothing_comes_of_nothing() -> None:
    assert last_question([{"role": "system", "content": "x"}]) is None
    assert last_image([{"role": "user"}, {"role": "user", "content": [{"type": "text", "text": "x"}]}]) is None
    assert as_prompt([], "") == "Assistant:"
