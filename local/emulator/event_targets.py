"""EventBridge's calls of functions: the pinned ministack makes each once, and nothing is left of one that failed."""

import json
from typing import Any


def call_asynchronously(eventbridge: Any, aws_lambda: Any) -> None:
    """Have a rule's function called as on AWS: again after a failure, and then its on-failure destination told."""

    def call(arn: str, payload: str) -> None:
        function, configuration, _ = aws_lambda._get_func_record_for_ref(arn)
        if function and configuration:
            record = aws_lambda._execution_record_for_config(function, configuration)
            aws_lambda.invoke_async_with_retry(record, json.loads(payload))

    eventbridge._dispatch_to_lambda = call
