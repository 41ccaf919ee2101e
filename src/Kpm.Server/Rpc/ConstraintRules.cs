using System.Collections.Frozen;
using System.Numerics;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Kpm.V1;

namespace Kpm.Server.Rpc;

/// <summary>What is wrong with a field: the reason for programs, the description for developers.</summary>
internal sealed record Fault(string Reason, string Description);

/// <summary>A rule about one field that is read as a value.</summary>
internal abstract class FieldRule<TMessage, TValue> : Rule<TMessage>
{
    private readonly Func<TMessage, TValue> _read;
    private readonly string _name;

    protected FieldRule(FieldDescriptor field)
    {
        _read = Reader<TValue>(field.PropertyName);
        _name = field.Name;
    }

    public override bool Accepts(TMessage message) => Judge(_read(message)) is null;

    public override void Collect(TMessage message, string path, List<BadRequest.Types.FieldViolation> violations)
    {
        if (Judge(_read(message)) is { } fault)
        {
            violations.Add(Errors.Violation(path + _name, fault.Reason, fault.Description));
        }
    }

    /// <summary>Null when the value is fine; faults are made once, with the rule.</summary>
    protected abstract Fault? Judge(TValue value);
}

internal sealed class StringRule<TMessage>(FieldDescriptor field, FieldConstraints limits) : FieldRule<TMessage, string>(field)
{
    private readonly StringJudge _judge = new(limits);

    protected override Fault? Judge(string value) => _judge.Judge(value);
}

internal sealed class BytesRule<TMessage>(FieldDescriptor field, FieldConstraints limits) : FieldRule<TMessage, ByteString>(field)
{
    private readonly BytesJudge _judge = new(limits);

    protected override Fault? Judge(ByteString value) => _judge.Judge(value);
}

internal sealed class IntegerRule<TMessage, TNumber> : FieldRule<TMessage, TNumber>
    where TNumber : struct, IBinaryInteger<TNumber>, IMinMaxValue<TNumber>
{
    private readonly bool _required;
    private readonly TNumber _min;
    private readonly TNumber _max;
    private readonly Fault _outOfRange;

    public IntegerRule(FieldDescriptor field, FieldConstraints limits)
        : base(field)
    {
        _required = limits.Required;
        var bounded = limits.Min != 0 || limits.Max != 0;
        _min = bounded ? TNumber.CreateSaturating(limits.Min) : TNumber.MinValue;
        _max = limits.Max != 0 ? TNumber.CreateSaturating(limits.Max) : TNumber.MaxValue;
        _outOfRange = new("OUT_OF_RANGE", $"must be {_min} to {_max}");
    }

    protected override Fault? Judge(TNumber value) =>
        _required && TNumber.IsZero(value) ? Faults.Missing
        : value < _min || value > _max ? _outOfRange
        : null;
}

internal sealed class EnumRule<TMessage, TEnum> : FieldRule<TMessage, TEnum>
    where TEnum : struct, System.Enum
{
    private readonly bool _required;
    private readonly FrozenSet<TEnum> _known;

    public EnumRule(FieldDescriptor field, FieldConstraints limits)
        : base(field)
    {
        _required = limits.Required;
        _known = field.EnumType.Values.Select(v => (TEnum)System.Enum.ToObject(typeof(TEnum), v.Number)).ToFrozenSet();
    }

    protected override Fault? Judge(TEnum value) =>
        EqualityComparer<TEnum>.Default.Equals(value, default) ? (_required ? Faults.Missing : null)
        : _known.Contains(value) ? null
        : Faults.UnknownValue;
}

internal sealed class MessageRule<TMessage, TField>(FieldDescriptor field, FieldConstraints limits) : Rule<TMessage>
    where TField : class, IMessage
{
    private readonly Func<TMessage, TField?> _read = Reader<TField?>(field.PropertyName);
    private readonly Constraints _inner = Constraints.Of(field.MessageType);

    public override bool Accepts(TMessage message) =>
        _read(message) is { } value ? _inner.AcceptsMessage(value) : !limits.Required;

    public override void Collect(TMessage message, string path, List<BadRequest.Types.FieldViolation> violations)
    {
        if (_read(message) is { } value)
        {
            // The faults of a Timestamp or Duration are those of the field that holds it.
            _inner.CollectFrom(value, field.MessageType.File.Package == "google.protobuf" ? path + field.Name : path + field.Name + ".", violations);
        }
        else if (limits.Required)
        {
            violations.Add(Errors.Violation(path + field.Name, Faults.Missing.Reason, Faults.Missing.Description));
        }
    }
}

internal sealed class RepeatedRule<TMessage, TElement> : Rule<TMessage>
{
    private readonly Func<TMessage, RepeatedField<TElement>> _read;
    private readonly string _name;
    private readonly bool _required;
    private readonly uint _maxItems;
    private readonly Fault _tooMany;
    private readonly Constraints? _messages;
    private readonly Func<TElement, Fault?>? _judge;

    public RepeatedRule(FieldDescriptor field, FieldConstraints limits)
    {
        _read = Reader<RepeatedField<TElement>>(field.PropertyName);
        _name = field.Name;
        _required = limits.Required;
        _maxItems = limits.MaxItems;
        _tooMany = new("TOO_MANY", $"must have at most {limits.MaxItems} elements");
        switch (field.FieldType)
        {
            case FieldType.Message:
                _messages = Constraints.Of(field.MessageType);
                break;
            case FieldType.String:
                _judge = (Func<TElement, Fault?>)(object)(Func<string, Fault?>)new StringJudge(limits).Judge;
                break;
            case FieldType.Bytes:
                _judge = (Func<TElement, Fault?>)(object)(Func<ByteString, Fault?>)new BytesJudge(limits).Judge;
                break;
        }
    }

    public override bool Accepts(TMessage message)
    {
        var list = _read(message);
        if (list.Count == 0)
        {
            return !_required;
        }

        if (_maxItems > 0 && list.Count > _maxItems)
        {
            return false;
        }

        for (var i = 0; i < list.Count; i++)
        {
            if (_messages is not null ? !_messages.AcceptsMessage(list[i]!) : _judge?.Invoke(list[i]) is not null)
            {
                return false;
            }
        }

        return true;
    }

    public override void Collect(TMessage message, string path, List<BadRequest.Types.FieldViolation> violations)
    {
        var list = _read(message);
        if (list.Count == 0 && _required)
        {
            violations.Add(Errors.Violation(path + _name, Faults.Missing.Reason, Faults.Missing.Description));
        }

        if (_maxItems > 0 && list.Count > _maxItems)
        {
            // Too many to look at each.
            violations.Add(Errors.Violation(path + _name, _tooMany.Reason, _tooMany.Description));
            return;
        }

        for (var i = 0; i < list.Count; i++)
        {
            if (_messages is not null)
            {
                _messages.CollectFrom(list[i]!, $"{path}{_name}[{i}].", violations);
            }
            else if (_judge?.Invoke(list[i]) is { } fault)
            {
                violations.Add(Errors.Violation($"{path}{_name}[{i}]", fault.Reason, fault.Description));
            }
        }
    }
}

/// <summary>Applies a case's rule only when the oneof holds that case.</summary>
internal sealed class OneofCaseRule<TMessage>(FieldDescriptor field, Rule<TMessage> rule) : Rule<TMessage>
{
    private readonly Func<TMessage, int> _case = CaseReader(field.RealContainingOneof);

    public override bool Accepts(TMessage message) => _case(message) != field.FieldNumber || rule.Accepts(message);

    public override void Collect(TMessage message, string path, List<BadRequest.Types.FieldViolation> violations)
    {
        if (_case(message) == field.FieldNumber)
        {
            rule.Collect(message, path, violations);
        }
    }
}

internal sealed class RequiredOneofRule<TMessage>(OneofDescriptor oneof) : Rule<TMessage>
{
    private readonly Func<TMessage, int> _case = CaseReader(oneof);

    public override bool Accepts(TMessage message) => _case(message) != 0;

    public override void Collect(TMessage message, string path, List<BadRequest.Types.FieldViolation> violations)
    {
        if (_case(message) == 0)
        {
            violations.Add(Errors.Violation(path + oneof.Name, Faults.Missing.Reason, Faults.Missing.Description));
        }
    }
}

/// <summary>0001-01-01 to 9999-12-31, as the type's documentation says; .NET could not hold more.</summary>
internal sealed class TimestampRule : Rule<Timestamp>
{
    public override bool Accepts(Timestamp message) =>
        message.Seconds is >= -62_135_596_800 and <= 253_402_300_799 && message.Nanos is >= 0 and <= 999_999_999;

    public override void Collect(Timestamp message, string path, List<BadRequest.Types.FieldViolation> violations)
    {
        if (!Accepts(message))
        {
            violations.Add(Errors.Violation(path, "OUT_OF_RANGE", "must be a time of the years 1 to 9999"));
        }
    }
}

/// <summary>About 10,000 years either way, with seconds and nanoseconds of one sign.</summary>
internal sealed class DurationRule : Rule<Duration>
{
    public override bool Accepts(Duration message) =>
        message.Seconds is >= -315_576_000_000 and <= 315_576_000_000
        && message.Nanos is >= -999_999_999 and <= 999_999_999
        && (message.Seconds == 0 || message.Nanos == 0 || Math.Sign(message.Seconds) == Math.Sign(message.Nanos));

    public override void Collect(Duration message, string path, List<BadRequest.Types.FieldViolation> violations)
    {
        if (!Accepts(message))
        {
            violations.Add(Errors.Violation(path, "OUT_OF_RANGE", "must be a normalised span of at most 10,000 years"));
        }
    }
}
