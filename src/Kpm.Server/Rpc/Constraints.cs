using System.Linq.Expressions;
using System.Reflection;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Rpc;
using Kpm.V1;

namespace Kpm.Server.Rpc;

/// <summary>
/// What the contract says about a message type (constraints.proto), compiled once. A valid message
/// costs a few delegate calls and no allocation; only a bad one is walked a second time to name its fields.
/// </summary>
internal abstract class Constraints
{
    private static readonly Dictionary<Type, Constraints> Compiled = [];
    private static readonly Lock Gate = new();

    /// <summary>The rules of a message type; itself while it is being compiled, so that types may contain themselves.</summary>
    public static Constraints Of(MessageDescriptor descriptor)
    {
        lock (Gate)
        {
            if (!Compiled.TryGetValue(descriptor.ClrType, out var rules))
            {
                rules = (Constraints)Activator.CreateInstance(typeof(Constraints<>).MakeGenericType(descriptor.ClrType))!;
                Compiled.Add(descriptor.ClrType, rules);
                rules.Compile(descriptor);
            }

            return rules;
        }
    }

    /// <summary>Throws INVALID_REQUEST naming every bad field.</summary>
    public static void Check<TMessage>(TMessage message)
        where TMessage : class
    {
        var rules = ConstraintsOf<TMessage>.Rules;
        if (rules.AcceptsMessage(message))
        {
            return;
        }

        var violations = new List<BadRequest.Types.FieldViolation>();
        rules.CollectFrom(message, "", violations);
        throw Errors.Fields(ErrorReason.InvalidRequest, violations);
    }

    public abstract bool AcceptsMessage(object message);

    public abstract void CollectFrom(object message, string path, List<BadRequest.Types.FieldViolation> violations);

    protected abstract void Compile(MessageDescriptor descriptor);

    /// <summary>The rules of a request type, without a look-up.</summary>
    private static class ConstraintsOf<TMessage>
    {
        public static readonly Constraints Rules =
            Of(((IMessage)(object)Activator.CreateInstance<TMessage>()!).Descriptor);
    }
}

/// <summary>The rules of one message type.</summary>
internal sealed class Constraints<TMessage> : Constraints
    where TMessage : class, IMessage
{
    private Rule<TMessage>[] _rules = [];

    public override bool AcceptsMessage(object message)
    {
        var typed = (TMessage)message;
        foreach (var rule in _rules)
        {
            if (!rule.Accepts(typed))
            {
                return false;
            }
        }

        return true;
    }

    public override void CollectFrom(object message, string path, List<BadRequest.Types.FieldViolation> violations)
    {
        foreach (var rule in _rules)
        {
            rule.Collect((TMessage)message, path, violations);
        }
    }

    protected override void Compile(MessageDescriptor descriptor)
    {
        var rules = descriptor.Fields.InDeclarationOrder()
            .Select(RuleOf)
            .Concat(descriptor.Oneofs.Where(o => o.GetOptions()?.GetExtension(ConstraintsExtensions.OneofRequired) == true).Select(RequiredOneof))
            .OfType<Rule<TMessage>>();
        if (descriptor.FullName is "google.protobuf.Timestamp" or "google.protobuf.Duration")
        {
            rules = rules.Append((Rule<TMessage>)(object)(descriptor.ClrType == typeof(Google.Protobuf.WellKnownTypes.Timestamp)
                ? new TimestampRule()
                : new DurationRule()));
        }

        _rules = [.. rules];
    }

    private static Rule<TMessage>? RuleOf(FieldDescriptor field)
    {
        var limits = field.GetOptions()?.GetExtension(ConstraintsExtensions.Field) ?? new FieldConstraints();
        if (field.IsMap)
        {
            throw new StartException($"The contract's field {field.FullName} is a map; no rule for maps is defined.");
        }

        if (field.IsRepeated)
        {
            return Make(typeof(RepeatedRule<,>), ElementType(field), field, limits);
        }

        var scalar = field.FieldType switch
        {
            FieldType.String => new StringRule<TMessage>(field, limits),
            FieldType.Bytes => new BytesRule<TMessage>(field, limits),
            FieldType.Int32 or FieldType.SInt32 or FieldType.SFixed32 => new IntegerRule<TMessage, int>(field, limits),
            FieldType.Int64 or FieldType.SInt64 or FieldType.SFixed64 => new IntegerRule<TMessage, long>(field, limits),
            FieldType.UInt32 or FieldType.Fixed32 => new IntegerRule<TMessage, uint>(field, limits),
            FieldType.UInt64 or FieldType.Fixed64 => new IntegerRule<TMessage, ulong>(field, limits),
            FieldType.Bool => null,
            FieldType.Enum => Make(typeof(EnumRule<,>), field.EnumType.ClrType, field, limits),
            FieldType.Message => Make(typeof(MessageRule<,>), field.MessageType.ClrType, field, limits),
            _ => throw new StartException($"The contract's field {field.FullName} has a type that no rule is defined for."),
        };

        // A case of a oneof is only looked at when it is the one that was sent.
        return scalar is not null && field.RealContainingOneof is not null ? new OneofCaseRule<TMessage>(field, scalar) : scalar;
    }

    private static Rule<TMessage> RequiredOneof(OneofDescriptor oneof) => new RequiredOneofRule<TMessage>(oneof);

    private static Rule<TMessage> Make(Type rule, Type element, FieldDescriptor field, FieldConstraints limits) =>
        (Rule<TMessage>)Activator.CreateInstance(rule.MakeGenericType(typeof(TMessage), element), field, limits)!;

    private static Type ElementType(FieldDescriptor field) =>
        typeof(TMessage).GetProperty(field.PropertyName)!.PropertyType.GetGenericArguments()[0];
}

/// <summary>One rule of a message type.</summary>
internal abstract class Rule<TMessage>
{
    public abstract bool Accepts(TMessage message);

    public abstract void Collect(TMessage message, string path, List<BadRequest.Types.FieldViolation> violations);

    /// <summary>A compiled reader of a property of the generated class.</summary>
    protected static Func<TMessage, TValue> Reader<TValue>(string property) =>
        typeof(TMessage).GetProperty(property, BindingFlags.Public | BindingFlags.Instance)!.GetMethod!.CreateDelegate<Func<TMessage, TValue>>();

    /// <summary>A compiled reader of which case of a oneof is set; 0 for none.</summary>
    protected static Func<TMessage, int> CaseReader(OneofDescriptor oneof)
    {
        var message = Expression.Parameter(typeof(TMessage));
        var property = oneof.Fields[0].PropertyName;
        var name = typeof(TMessage).GetProperties()
            .Single(p => p.PropertyType.IsEnum && p.Name.EndsWith("Case", StringComparison.Ordinal) && Enum.IsDefined(p.PropertyType, property)).Name;
        return Expression.Lambda<Func<TMessage, int>>(Expression.Convert(Expression.Property(message, name), typeof(int)), message).Compile();
    }
}
