"""The renderer does with a template what CloudFormation does, as far as the other tests rely on it."""

from typing import Any

import pytest

from support.cloudformation import TemplateError, load_text, only_reference, reference, referred, render

RESOURCE = "Resources: {Queue: {Type: 'AWS::SQS::Queue', Properties: {Value: %s}}}"


def value(expression: str, more: str = "", **parameters: Any) -> Any:
    """Renders one property of a template that has one resource beside `more`."""
    template = load_text(RESOURCE % expression + "\n" + more)
    return render({"root.yaml": template}, parameters, "root.yaml").at("Queue").properties.get("Value")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("!Ref AWS::Region", "eu-west-1"),
        ("!Sub 'a-${AWS::AccountId}'", "a-123456789012"),
        ("!Sub ['${Own}-${!Shell}', {Own: !Ref 'AWS::Partition'}]", "aws-${Shell}"),
        ("!Join ['-', [a, 1, true]]", "a-1-true"),
        ("!Split [',', 'a,b']", ["a", "b"]),
        ("!Select [1, !Split [',', 'a,b']]", "b"),
        ("!Select [0, !GetAZs '']", "eu-west-1a"),
        ("!Cidr [10.0.0.0/16, 2, 8]", ["10.0.0.0/24", "10.0.1.0/24"]),
        ("{'Fn::Base64': !Sub 'echo ${AWS::Region}'}", "echo eu-west-1"),
        ("[a, !Ref 'AWS::NoValue']", ["a"]),
        ("{Version: 2012-10-17, Gone: !Ref 'AWS::NoValue'}", {"Version": "2012-10-17"}),
        ("!GetAtt Queue.Arn", "⟨Queue.Arn⟩"),
        ("{'Fn::GetAtt': [Queue, Arn]}", "⟨Queue.Arn⟩"),
        ("!Sub '${Queue.Arn}/*'", "⟨Queue.Arn⟩/*"),
    ],
)
def test_functions_give_what_cloudformation_documents(expression: str, expected: Any) -> None:
    assert value(expression) == expected


def test_mappings_are_looked_up() -> None:
    assert value("!FindInMap [Sizes, !Ref 'AWS::Region', small]", "Mappings: {Sizes: {eu-west-1: {small: 1}}}") == 1


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("!Equals [a, a]", True),
        ("!Equals [!Ref Port, 80]", True),
        ("!Not [!Equals [a, a]]", False),
        ("!And [!Equals [a, a], !Equals [a, b]]", False),
        ("!Or [!Equals [a, a], !Equals [a, b]]", True),
        ("!And [!Condition Other, !Equals [a, a]]", True),
    ],
)
def test_conditions_choose(condition: str, holds: bool) -> None:
    conditions = f"Conditions: {{Chosen: {condition}, Other: !Equals [1, 1]}}"
    more = f"{conditions}\nParameters: {{Port: {{Type: Number, Default: 80}}}}"
    assert value("!If [Chosen, yes it is, no it is not]", more) == ("yes it is" if holds else "no it is not")


def test_a_resource_whose_condition_is_false_is_gone_and_cannot_be_pointed_to() -> None:
    template = """
        Conditions: {Never: !Equals [a, b]}
        Resources:
          Gone: {Type: AWS::SQS::Queue, Condition: Never}
          Stays: {Type: AWS::SQS::Queue, DependsOn: Gone}
        """
    rendered = render({"root.yaml": load_text(template)}, {}, "root.yaml")
    assert list(rendered.resources) == ["Stays"]
    assert rendered.at("Stays").depends_on == ()
    with pytest.raises(TemplateError, match="its condition is false"):
        pointing = load_text(template + "Outputs: {Name: {Value: !Ref Gone}}")
        render({"root.yaml": pointing}, {}, "root.yaml")


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("!Ref Nowhere", "there is no Nowhere"),
        ("!GetAtt Nowhere.Arn", "there is no Nowhere"),
        ("!Sub '${Nowhere}'", "there is no Nowhere"),
        ("!If [Nowhere, a, b]", "there is no condition Nowhere"),
        ("!Transform {Name: x}", "unknown function Fn::Transform"),
        ("!ImportValue x", "unknown function Fn::ImportValue"),
        ("{Ref: Queue, More: 1}", "stands beside other keys"),
        ("!Select [2, [a, b]]", "cannot be given"),
        ("!Select [0, !GetAtt Queue.Names]", "is no list"),
        ("!Join ['-', a]", "is no list"),
        ("!Join ['-', [[a]]]", "is no scalar"),
        ("!Cidr [10.0.0.0/24, 2, 8]", "has no room"),
        ("!FindInMap [Nowhere, a, b]", "cannot be given"),
        ("!If [!Equals [!GetAtt Queue.Arn, x], a, b]", "nobody can tell"),
    ],
)
def test_what_cannot_be_resolved_is_an_error(expression: str, complaint: str) -> None:
    with pytest.raises(TemplateError, match=complaint):
        value(expression)


def test_a_condition_that_needs_itself_is_an_error() -> None:
    with pytest.raises(TemplateError, match="depends on itself"):
        value("!If [One, a, b]", "Conditions: {One: !Not [!Condition Two], Two: !Not [!Condition One]}")


def test_a_key_that_occurs_twice_is_an_error() -> None:
    with pytest.raises(TemplateError, match="more than once"):
        load_text("Resources: {}\nResources: {}")


def test_unknown_sections_and_parts_are_errors() -> None:
    with pytest.raises(TemplateError, match="unknown sections"):
        render({"root.yaml": load_text("Resources: {}\nConditons: {}")}, {}, "root.yaml")
    with pytest.raises(TemplateError, match="unknown parts"):
        render({"root.yaml": load_text("Resources: {A: {Type: 'AWS::SQS::Queue', Deletion: x}}")}, {}, "root.yaml")
    with pytest.raises(TemplateError, match="depends on Nowhere"):
        render(
            {"root.yaml": load_text("Resources: {A: {Type: 'AWS::SQS::Queue', DependsOn: Nowhere}}")}, {}, "root.yaml"
        )


@pytest.mark.parametrize(
    ("declaration", "given", "expected"),
    [
        ("{Type: String, Default: a}", None, "a"),
        ("{Type: String}", "b", "b"),
        ("{Type: Number}", "80", 80),
        ("{Type: Number, Default: 1.5}", None, 1.5),
        ("{Type: CommaDelimitedList}", "a, b", ["a", "b"]),
        ("{Type: CommaDelimitedList}", ["a", "b"], ["a", "b"]),
        ("{Type: 'List<AWS::EC2::Subnet::Id>'}", "", []),
        ("{Type: 'AWS::EC2::VPC::Id'}", "vpc-1", "vpc-1"),
        ("{Type: String, AllowedPattern: '[a-z]+'}", reference("state/Bucket"), "⟨state/Bucket⟩"),
        ("{Type: 'AWS::SSM::Parameter::Value<String>'}", "/a/b", "{{resolve:ssm:/a/b}}"),
    ],
)
def test_parameters_have_their_values(declaration: str, given: Any, expected: Any) -> None:
    parameters = {} if given is None else {"Given": given}
    assert value("!Ref Given", f"Parameters: {{Given: {declaration}}}", **parameters) == expected


@pytest.mark.parametrize(
    ("declaration", "given"),
    [
        ("{Type: String, AllowedValues: [a, b]}", "c"),
        ("{Type: String, AllowedPattern: '[a-z]+'}", "abc1"),
        ("{Type: String, MinLength: 2}", "a"),
        ("{Type: String, MaxLength: 2}", "abc"),
        ("{Type: Number}", "many"),
        ("{Type: Number, MinValue: 2}", "1"),
        ("{Type: Number, MaxValue: 2}", "3"),
        ("{Type: Strange}", "a"),
    ],
)
def test_parameters_that_cloudformation_refuses_are_errors(declaration: str, given: str) -> None:
    with pytest.raises(TemplateError, match="parameter Given"):
        value("!Ref Given", f"Parameters: {{Given: {declaration}}}", Given=given)


def test_parameters_that_are_missing_or_unknown_are_errors() -> None:
    with pytest.raises(TemplateError, match="has no value"):
        value("!Ref Given", "Parameters: {Given: {Type: String}}")
    with pytest.raises(TemplateError, match="no parameters"):
        value("a", Given="a")


@pytest.mark.parametrize(
    ("name", "zone", "holds"), [("a", "", True), ("a", "z", True), ("", "z", False), ("", "", True)]
)
def test_rules_hold_or_stop_the_stack(name: str, zone: str, holds: bool) -> None:
    more = """
Parameters: {Name: {Type: String}, Zone: {Type: String}}
Rules:
  ZoneNeedsName:
    RuleCondition: !Not [!Equals [!Ref Zone, '']]
    Assertions:
      - {Assert: !Not [!Equals [!Ref Name, '']], AssertDescription: a zone needs a name}
"""
    if holds:
        assert value("a", more, Name=name, Zone=zone) == "a"
    else:
        with pytest.raises(TemplateError, match="ZoneNeedsName: a zone needs a name"):
            value("a", more, Name=name, Zone=zone)


ROOT = """
Parameters: {Size: {Type: Number, Default: 3}}
Resources:
  Reader:
    Type: AWS::SQS::Queue
    Properties: {Bucket: !GetAtt Data.Outputs.Name, Subnets: !Split [',', !GetAtt Data.Outputs.Both]}
  Data:
    Type: AWS::CloudFormation::Stack
    DeletionPolicy: Retain
    Properties:
      TemplateURL: !Sub 'https://bucket.s3.${AWS::Region}.${AWS::URLSuffix}/x/data.yaml'
      Parameters: {Size: !Ref Size, From: !GetAtt Other.Arn}
  Other: {Type: AWS::SQS::Queue}
Outputs:
  Address: {Value: !Sub 'https://${Data.Outputs.Name}/'}
"""
DATA = """
Parameters: {Size: {Type: Number}, From: {Type: String}}
Resources:
  Bucket: {Type: AWS::S3::Bucket, DeletionPolicy: Retain, Properties: {Size: !Ref Size, From: !Ref From}}
  More: {Type: AWS::S3::Bucket}
Outputs:
  Name: {Value: !Ref Bucket}
  Both: {Value: !Join [',', [!Ref Bucket, !GetAtt More.Arn]]}
"""


def test_nested_stacks_get_parameters_and_give_outputs() -> None:
    rendered = render({"root.yaml": load_text(ROOT), "data.yaml": load_text(DATA)}, {"Size": 4}, "root.yaml")
    assert sorted(rendered.resources) == ["Data", "Other", "Reader", "data/Bucket", "data/More"]
    bucket = rendered.at("data/Bucket")
    assert bucket.properties == {"Size": 4, "From": "⟨Other.Arn⟩"}
    assert (bucket.deletion_policy, rendered.at("Data").deletion_policy) == ("Retain", "Retain")
    assert rendered.at("Reader").properties == {
        "Bucket": "⟨data/Bucket⟩",
        "Subnets": ["⟨data/Bucket⟩", "⟨data/More.Arn⟩"],
    }
    assert rendered.target(bucket.get("From")) == rendered.at("Other")
    assert rendered.outputs[""] == {"Address": "https://⟨data/Bucket⟩/"}


def test_a_nested_template_alone_has_the_names_of_the_whole() -> None:
    rendered = render({"data.yaml": load_text(DATA)}, {"Size": 4, "From": "here"}, "data.yaml", name="data")
    assert sorted(rendered.resources) == ["data/Bucket", "data/More"]


def test_a_stack_that_stays_closed_is_pointed_to() -> None:
    rendered = render({"root.yaml": load_text(ROOT)}, {}, "root.yaml", without=frozenset({"data.yaml"}))
    assert rendered.outputs[""] == {"Address": "https://⟨Data.Outputs.Name⟩/"}
    assert "data/Bucket" not in rendered.resources


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (ROOT.replace("data.yaml", "nowhere.yaml"), "there is no template nowhere.yaml"),
        (ROOT.replace("Outputs.Both", "Outputs.Nothing"), "has no output Nothing"),
        (ROOT.replace("Data.Outputs.Both", "Data.Both"), "a stack has no attribute Both"),
        (ROOT.replace("Size: !Ref Size", "Length: 1"), "no parameters"),
        (ROOT.replace("!GetAtt Other.Arn", "!GetAtt Data.Outputs.Name"), "depends on itself"),
    ],
)
def test_nested_stacks_that_do_not_fit_are_errors(broken: str, complaint: str) -> None:
    with pytest.raises(TemplateError, match=complaint):
        render({"root.yaml": load_text(broken), "data.yaml": load_text(DATA)}, {}, "root.yaml")


def test_texts_tell_what_they_point_to() -> None:
    text = f"{reference('state/Bucket', 'Arn')}/images/* {reference('Key')} ${{state}}"
    assert [(found.name, found.attribute) for found in referred([{"Resource": text}])] == [
        ("state/Bucket", "Arn"),
        ("Key", ""),
    ]
    assert only_reference(text) is None
    found = only_reference(reference("state/Bucket", "Arn"))
    assert found is not None
    assert (found.stack, found.logical_id, found.attribute) == ("state", "Bucket", "Arn")
