# SPDX-License-Identifier: GPL-2.0
"""Reads delimited protobuf with Google's library: the message io.prometheus.client.MetricFamily."""
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal.decoder import _DecodeVarint32

PACKAGE = "io.prometheus.client"
# {message: {number: (name, type or message, repeated)}}, those fields that paimond writes.
MESSAGES = {
    "LabelPair": {1: ("name", "string"), 2: ("value", "string")},
    "Time": {1: ("seconds", "int64"), 2: ("nanos", "int32")},
    "Gauge": {1: ("value", "double")},
    "Counter": {1: ("value", "double"), 3: ("created_timestamp", "Time")},
    "Bucket": {1: ("cumulative_count", "uint64"), 2: ("upper_bound", "double")},
    "BucketSpan": {1: ("offset", "sint32"), 2: ("length", "uint32")},
    "Histogram": {1: ("sample_count", "uint64"), 2: ("sample_sum", "double"),
                  3: ("bucket", "Bucket", True), 5: ("schema", "sint32"),
                  6: ("zero_threshold", "double"), 7: ("zero_count", "uint64"),
                  12: ("positive_span", "BucketSpan", True),
                  13: ("positive_delta", "sint64", True), 15: ("created_timestamp", "Time")},
    "Metric": {1: ("label", "LabelPair", True), 2: ("gauge", "Gauge"), 3: ("counter", "Counter"),
               7: ("histogram", "Histogram")},
    "MetricFamily": {1: ("name", "string"), 2: ("help", "string"), 3: ("type", "int32"),
                     4: ("metric", "Metric", True), 5: ("unit", "string")},
}
TYPES = {0: "counter", 1: "gauge", 4: "histogram"}


def _family():
    file = descriptor_pb2.FileDescriptorProto(name="metrics.proto", package=PACKAGE, syntax="proto2")
    for message, fields in MESSAGES.items():
        described = file.message_type.add(name=message)
        for number, (name, kind, *repeated) in fields.items():
            field = described.field.add(name=name, number=number)
            field.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
            if kind in MESSAGES:
                field.type, field.type_name = field.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
            else:
                field.type = getattr(field, "TYPE_" + kind.upper())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.MessageFactory(pool).GetPrototype(
        pool.FindMessageTypeByName(f"{PACKAGE}.MetricFamily"))


FAMILY = _family()


def _has_unknown(message):
    return bool(len(message.UnknownFields())) or any(
        _has_unknown(part) for field, value in message.ListFields()
        if field.type == field.TYPE_MESSAGE
        for part in (value if field.label == field.LABEL_REPEATED else [value]))


def parse(body):
    """The families; all of each is known."""
    families, at = [], 0
    while at < len(body):
        size, at = _DecodeVarint32(body, at)
        if at + size > len(body):
            raise AssertionError("the last message is cut off")
        families.append(FAMILY.FromString(body[at:at + size]))
        if _has_unknown(families[-1]):
            raise AssertionError(f"unknown fields in {families[-1]}")
        at += size
    return families


def labels_of(metric):
    return {label.name: label.value for label in metric.label}


def native_buckets(histogram):
    """{index: count} of the buckets that are not empty."""
    buckets, index, count, deltas = {}, 0, 0, iter(histogram.positive_delta)
    for span in histogram.positive_span:
        index += span.offset
        for _ in range(span.length):
            count += next(deltas)
            buckets[index] = count
            index += 1
    if list(deltas):
        raise AssertionError("more counts than buckets")
    return buckets
