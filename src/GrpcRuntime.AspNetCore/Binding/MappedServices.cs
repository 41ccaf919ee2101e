using System.Collections.Concurrent;
using System.Reflection;
using Google.Protobuf.Reflection;
using Grpc.Core;

namespace Grpc.AspNetCore.Server.Binding;

/// <summary>What was mapped in this application so far: for reflection, and so that the fallback is mapped once.</summary>
internal sealed class MappedServices
{
    private readonly ConcurrentDictionary<string, ServiceDescriptor> _descriptors = new(StringComparer.Ordinal);
    private int _fallbackMapped;

    public IReadOnlyCollection<ServiceDescriptor> Descriptors => [.. _descriptors.Values];

    /// <summary>True for the first caller only.</summary>
    public bool ClaimFallback() => Interlocked.Exchange(ref _fallbackMapped, 1) == 0;

    /// <summary>Remembers the descriptor of a generated service; a service bound by hand may have none.</summary>
    public void Add(BindServiceMethodAttribute binding)
    {
        if (binding.BindType.GetProperty("Descriptor", BindingFlags.Public | BindingFlags.Static)?.GetValue(null) is ServiceDescriptor descriptor)
        {
            _descriptors[descriptor.FullName] = descriptor;
        }
    }
}
