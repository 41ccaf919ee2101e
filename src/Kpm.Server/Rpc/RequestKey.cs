using System.Collections.Concurrent;
using System.Security.Cryptography;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Kpm.V1;

namespace Kpm.Server.Rpc;

/// <summary>
/// Names a call that may be repeated: session, rpc and request_id, with a hash of the content. The first
/// result is stored in the transaction of the change itself, so that a repetition can't run beside it.
/// </summary>
internal sealed record RequestKey(Guid SessionId, string Rpc, Guid RequestId, byte[] ContentHash)
{
    private static readonly ConcurrentDictionary<MessageDescriptor, IReadOnlyList<FieldDescriptor>> SecretFields = new();

    /// <summary>
    /// Passwords and re-authentications are no part of the content: their hash in the database could be guessed
    /// at without bcrypt, and a repetition that answers "other content" would tell a right guess from a wrong one.
    /// </summary>
    public static RequestKey Of(Guid sessionId, string rpc, string requestId, IMessage request) =>
        new(sessionId, rpc, Guid.ParseExact(requestId, "D"), SHA256.HashData(WithoutSecrets(request).ToByteArray()));

    private static IMessage WithoutSecrets(IMessage request)
    {
        var secrets = SecretFields.GetOrAdd(request.Descriptor, static type => [.. type.Fields.InDeclarationOrder().Where(IsSecret)]);
        if (secrets.Count == 0)
        {
            return request;
        }

        var copy = request.Descriptor.Parser.ParseFrom(request.ToByteArray());
        foreach (var field in secrets)
        {
            field.Accessor.Clear(copy);
        }

        return copy;
    }

    private static bool IsSecret(FieldDescriptor field) => field.FieldType == FieldType.Message
        ? field.MessageType == Reauthentication.Descriptor || field.MessageType == SecondFactor.Descriptor
        : field.GetOptions()?.GetExtension(ConstraintsExtensions.Field) is { AnyCharacter: true };
}
