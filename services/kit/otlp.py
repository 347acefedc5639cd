"""The SDK of OpenTelemetry with its OTLP exporter, imported only where spans are recorded."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Tracer

logger = logging.getLogger(__name__)


class _SaidOnce(SpanExporter):
    """Says once that spans are not taken, and once that they are again; the SDK's own log has a line a batch."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self._taken = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._inner.export(spans)
        taken = result is SpanExportResult.SUCCESS
        if taken != self._taken:
            self._taken = taken
            logger.warning("spans are taken again" if taken else "spans are not taken, and dropped")
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()


def tracer_and_shutdown(service: str) -> tuple[Tracer, Callable[[], None]]:
    """Return what begins spans of a service, and what sends the last ones and ends the exporter.

    Everything else is said by OpenTelemetry's own variables: endpoint, headers, sampler, sizes and times of batches.
    """
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    name = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": f"tiku-{service}"}
    resource = Resource.create({**name, "service.namespace": "tiku"})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_SaidOnce(OTLPSpanExporter())))
    return provider.get_tracer("tiku"), provider.shutdown
