"""Logs that end, and alarms that reach somebody."""

from templates.checks import check
from templates.combinations import Deployment

LONGEST_DAYS = 365
LONGEST_DESCRIPTION = 1024
"""What CloudWatch takes."""
ALWAYS = {
    # metric: what missing data means, and the direction of trouble
    "PendingOldestAge": ("breaching", "Greater"),
    "ServerErrors": ("notBreaching", "Greater"),
    "DiskFreePercent": ("breaching", "Less"),
    "RootDiskFreePercent": ("breaching", "Less"),
    "JournalUnreadableFiles": ("notBreaching", "Greater"),
    "StatusCheckFailed": ("notBreaching", "Greater"),
    "FreeStorageSpace": ("breaching", "Less"),
    "CPUUtilization": ("notBreaching", "Greater"),
}
SCALED = {
    "HTTPCode_ELB_5XX_Count": ("notBreaching", "Greater"),
    "UnHealthyHostCount": ("breaching", "Greater"),
}


@check
def logs_are_kept_for_a_time_and_no_longer(deployment: Deployment) -> None:
    groups = [each for each in deployment.stack.of_type("AWS::Logs::LogGroup") if each.stack == "service"]
    assert len(groups) == 4
    for group in groups:
        assert 1 <= group.get("RetentionInDays", 10_000) <= LONGEST_DAYS, group.name


@check
def the_log_that_says_why_a_host_failed_outlives_a_rollback(deployment: Deployment) -> None:
    log = deployment.stack.at("service/BootLog")
    assert (log.deletion_policy, log.update_replace_policy) == ("Retain", "Retain")
    # What stays would be in the way of a stack that takes the same name for it.
    assert "images-service" in log.get("LogGroupName")


@check
def an_alarm_for_a_lost_host_says_that_its_volume_may_hold_images(deployment: Deployment) -> None:
    expected = {"StatusCheckFailed"} | ({"UnHealthyHostCount"} if deployment.mode == "scaled" else set())
    alarms = [each for each in deployment.stack.of_type("AWS::CloudWatch::Alarm") if each.get("MetricName") in expected]
    assert len(alarms) == len(expected)
    for alarm in alarms:
        for tag in ("image-handler:group", "image-handler:journal=drained"):
            assert tag in alarm.get("AlarmDescription"), alarm.name
        assert len(alarm.get("AlarmDescription")) <= LONGEST_DESCRIPTION, alarm.name


@check
def every_alarm_reaches_somebody(deployment: Deployment) -> None:
    alarms = deployment.stack.of_type("AWS::CloudWatch::Alarm")
    (topic,) = [each for each in deployment.stack.of_type("AWS::SNS::Topic") if each.stack == "service"]
    for alarm in alarms:
        assert [deployment.stack.target(each) for each in alarm.get("AlarmActions", [])] == [topic], alarm.name
        assert [deployment.stack.target(each) for each in alarm.get("OKActions", [])] == [topic], alarm.name
        assert alarm.get("ActionsEnabled", True) is True, alarm.name
    emails = [each.get("Endpoint") for each in deployment.stack.of_type("AWS::SNS::Subscription")]
    assert emails == (["operator@example.org"] if deployment.full else [])


@check
def what_matters_has_an_alarm_that_takes_silence_for_what_it_is(deployment: Deployment) -> None:
    alarms = deployment.stack.of_type("AWS::CloudWatch::Alarm")
    found = {
        each.get("MetricName"): (
            each.get("TreatMissingData"),
            "Greater" if each.get("ComparisonOperator", "").startswith("Greater") else "Less",
        )
        for each in alarms
    }
    assert found == ALWAYS | (SCALED if deployment.mode == "scaled" else {})
    (pending,) = [each for each in alarms if each.get("MetricName") == "PendingOldestAge"]
    assert (pending.get("Threshold"), pending.get("Statistic")) == (900, "Maximum")


@check
def alarms_look_at_what_is_published(deployment: Deployment) -> None:
    """The dimensions have to be those of the metric, or the alarm looks at nothing for ever."""
    names = {
        "ImageHandler": {"AutoScalingGroupName": "⟨service/Hosts⟩"},
        "AWS/EC2": {"AutoScalingGroupName": "⟨service/Hosts⟩"},
        "AWS/RDS": {"DBInstanceIdentifier": "⟨state/Database⟩"},
    }
    for alarm in deployment.stack.of_type("AWS::CloudWatch::Alarm"):
        dimensions = {each["Name"]: each["Value"] for each in alarm.get("Dimensions", [])}
        if alarm.get("Namespace") == "AWS/ApplicationELB":
            assert dimensions["LoadBalancer"] == "⟨service/LoadBalancer.LoadBalancerFullName⟩", alarm.name
            targets = dimensions.get("TargetGroup")
            per_target = alarm.get("MetricName") == "UnHealthyHostCount"
            assert targets == ("⟨service/TargetGroup.TargetGroupFullName⟩" if per_target else None), alarm.name
        else:
            assert dimensions == names[alarm.get("Namespace")], alarm.name
