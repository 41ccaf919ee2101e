using Google.Protobuf.Reflection;
using Kpm.V1;

namespace Kpm.Server.Tests.BadInput;

/// <summary>Every rpc of the contract, from its descriptors.</summary>
internal static class Rpcs
{
    public static IReadOnlyList<MethodDescriptor> All { get; } =
    [
        .. new[] { AccountServiceReflection.Descriptor, VerificationServiceReflection.Descriptor, VaultServiceReflection.Descriptor, SupportServiceReflection.Descriptor }
            .SelectMany(f => f.Services).SelectMany(s => s.Methods),
    ];

    public static Authentication AuthenticationOf(MethodDescriptor method) => method.GetOptions().GetExtension(ConstraintsExtensions.Authentication);

    public static MethodDescriptor Of(string fullName) => All.Single(m => m.FullName == fullName);
}
