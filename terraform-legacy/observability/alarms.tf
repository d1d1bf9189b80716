# The metrics of the alias are those of all its versions together. Fewer than four faults a minute are noise.
resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name          = "${local.function}-live-errors"
  alarm_description   = "Errors of ${local.alias}, all versions together"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  evaluation_periods  = 3
  datapoints_to_alarm = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  metric_query {
    id = "invocations"

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Invocations"
      period      = 60
      stat        = "Sum"

      dimensions = {
        FunctionName = local.function
        Resource     = local.alias
      }
    }
  }

  metric_query {
    id = "errors"

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Errors"
      period      = 60
      stat        = "Sum"

      dimensions = {
        FunctionName = local.function
        Resource     = local.alias
      }
    }
  }

  metric_query {
    id = "answered"

    metric {
      namespace   = "Strata"
      metric_name = "AnsweredFaults"
      period      = 60
      stat        = "Sum"

      dimensions = {
        FunctionName = local.function
        Resource     = local.alias
      }
    }
  }

  metric_query {
    id          = "fires"
    expression  = "IF((FILL(errors, 0) + FILL(answered, 0)) >= 4 AND (FILL(errors, 0) + FILL(answered, 0)) > 0.25 * FILL(invocations, 0), 1, 0)"
    label       = "too many errors"
    return_data = true
  }
}

resource "aws_cloudwatch_metric_alarm" "throttles" {
  alarm_name          = "${local.function}-live-throttles"
  alarm_description   = "Throttles of ${local.alias}, all versions together"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  evaluation_periods  = 3
  datapoints_to_alarm = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  metric_query {
    id = "invocations"

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Invocations"
      period      = 60
      stat        = "Sum"

      dimensions = {
        FunctionName = local.function
        Resource     = local.alias
      }
    }
  }

  metric_query {
    id = "throttles"

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Throttles"
      period      = 60
      stat        = "Sum"

      dimensions = {
        FunctionName = local.function
        Resource     = local.alias
      }
    }
  }

  metric_query {
    id          = "fires"
    expression  = "IF(FILL(throttles, 0) >= 4 AND FILL(throttles, 0) > 0.05 * (FILL(invocations, 0) + FILL(throttles, 0)), 1, 0)"
    label       = "too many throttles"
    return_data = true
  }
}

resource "aws_cloudwatch_metric_alarm" "api_5xx" {
  alarm_name          = "${local.prefix}-api-5xx"
  alarm_description   = "5xx answers of the API ${local.prefix}: more than 0.05 of all"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  evaluation_periods  = 3
  datapoints_to_alarm = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  metric_query {
    id = "count"

    metric {
      namespace   = "AWS/ApiGateway"
      metric_name = "Count"
      period      = 60
      stat        = "SampleCount"

      dimensions = {
        ApiId = data.terraform_remote_state.compute.outputs.api_id
        Stage = data.terraform_remote_state.compute.outputs.api_stage
      }
    }
  }

  metric_query {
    id = "errors"

    metric {
      namespace   = "AWS/ApiGateway"
      metric_name = "5xx"
      period      = 60
      stat        = "Sum"

      dimensions = {
        ApiId = data.terraform_remote_state.compute.outputs.api_id
        Stage = data.terraform_remote_state.compute.outputs.api_stage
      }
    }
  }

  metric_query {
    id          = "fires"
    expression  = "IF(FILL(errors, 0) >= 4 AND FILL(errors, 0) > 0.05 * FILL(count, 0), 1, 0)"
    label       = "too many 5xx"
    return_data = true
  }
}

resource "aws_cloudwatch_metric_alarm" "api_latency" {
  alarm_name          = "${local.prefix}-api-latency"
  alarm_description   = "p99 latency of the API ${local.prefix}: more than 3000 ms"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  evaluation_periods  = 3
  datapoints_to_alarm = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  metric_query {
    id = "count"

    metric {
      namespace   = "AWS/ApiGateway"
      metric_name = "Count"
      period      = 60
      stat        = "SampleCount"

      dimensions = {
        ApiId = data.terraform_remote_state.compute.outputs.api_id
        Stage = data.terraform_remote_state.compute.outputs.api_stage
      }
    }
  }

  metric_query {
    id = "latency"

    metric {
      namespace   = "AWS/ApiGateway"
      metric_name = "Latency"
      period      = 60
      stat        = "p99"

      dimensions = {
        ApiId = data.terraform_remote_state.compute.outputs.api_id
        Stage = data.terraform_remote_state.compute.outputs.api_stage
      }
    }
  }

  metric_query {
    id          = "fires"
    expression  = "IF(FILL(count, 0) >= 20 AND FILL(latency, 0) > 3000, 1, 0)"
    label       = "too slow"
    return_data = true
  }
}
