using System.Collections;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Grpc.AspNetCore.HealthChecks;

/// <summary>How the application's health checks become the health of gRPC services.</summary>
public sealed class GrpcHealthChecksOptions
{
    /// <summary>Which checks count for which service. The empty name, for the whole server, has all checks unless it is mapped otherwise.</summary>
    public ServiceMappingCollection Services { get; } = [];

    /// <summary>Whether a call of <c>Check</c> takes the last published results instead of running the checks.</summary>
    public bool UseHealthChecksCache { get; set; }

    /// <summary>Whether calls of <c>Watch</c> stay open while the application stops.</summary>
    public bool SuppressCompletionOnShutdown { get; set; }
}

/// <summary>A health check that may count for a service.</summary>
public sealed class HealthCheckMapContext
{
    /// <summary>A check with this name and these tags.</summary>
    public HealthCheckMapContext(string name, IEnumerable<string> tags)
    {
        Name = name;
        Tags = tags;
    }

    /// <summary>The name of the check.</summary>
    public string Name { get; }

    /// <summary>The tags of the check.</summary>
    public IEnumerable<string> Tags { get; }
}

/// <summary>The checks that count for one service.</summary>
public sealed class ServiceMapping
{
    /// <summary>The checks that <paramref name="predicate"/> picks count for the service <paramref name="name"/>.</summary>
    public ServiceMapping(string name, Func<HealthCheckMapContext, bool> predicate)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(predicate);
        Name = name;
        HealthCheckPredicate = predicate;
    }

    /// <summary>The name of the service.</summary>
    public string Name { get; }

    internal Func<HealthCheckMapContext, bool> HealthCheckPredicate { get; }

    internal bool Picks(HealthCheckRegistration check) => HealthCheckPredicate(new HealthCheckMapContext(check.Name, check.Tags));

    internal bool Picks(string name, HealthReportEntry entry) => HealthCheckPredicate(new HealthCheckMapContext(name, entry.Tags));
}

/// <summary>Mappings, one per service name.</summary>
public sealed class ServiceMappingCollection : ICollection<ServiceMapping>
{
    private readonly Dictionary<string, ServiceMapping> _mappings = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public int Count => _mappings.Count;

    bool ICollection<ServiceMapping>.IsReadOnly => false;

    /// <summary>Maps a service, in place of an earlier mapping of it.</summary>
    public void MapService(string name, Func<HealthCheckMapContext, bool> predicate) => Add(new ServiceMapping(name, predicate));

    /// <inheritdoc/>
    public void Add(ServiceMapping item)
    {
        ArgumentNullException.ThrowIfNull(item);
        _mappings[item.Name] = item;
    }

    /// <inheritdoc/>
    public void Clear() => _mappings.Clear();

    /// <inheritdoc/>
    public bool Contains(ServiceMapping item) => _mappings.ContainsValue(item);

    /// <inheritdoc/>
    public void CopyTo(ServiceMapping[] array, int arrayIndex) => _mappings.Values.CopyTo(array, arrayIndex);

    /// <inheritdoc/>
    public bool Remove(ServiceMapping item) => Contains(item) && _mappings.Remove(item.Name);

    /// <inheritdoc/>
    public IEnumerator<ServiceMapping> GetEnumerator() => _mappings.Values.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    internal ServiceMapping? Find(string name) => _mappings.GetValueOrDefault(name);
}
