using System.Text;

namespace Grpc.Core;

/// <summary>What the transport knows about the identity of the peer.</summary>
public class AuthContext
{
    private readonly Dictionary<string, List<AuthProperty>> _properties;

    /// <summary>A context; null for the name means that the peer is not authenticated.</summary>
    public AuthContext(string? peerIdentityPropertyName, Dictionary<string, List<AuthProperty>> properties)
    {
        ArgumentNullException.ThrowIfNull(properties);
        PeerIdentityPropertyName = peerIdentityPropertyName;
        _properties = properties;
    }

    /// <summary>Whether the peer is authenticated.</summary>
    public bool IsPeerAuthenticated => PeerIdentityPropertyName is not null;

    /// <summary>The name of the properties that identify the peer, or null.</summary>
    public string? PeerIdentityPropertyName { get; }

    /// <summary>The properties that identify the peer; none when it is not authenticated.</summary>
    public IEnumerable<AuthProperty> PeerIdentity =>
        PeerIdentityPropertyName is null ? [] : FindPropertiesByName(PeerIdentityPropertyName);

    /// <summary>Every property.</summary>
    public IEnumerable<AuthProperty> Properties => _properties.Values.SelectMany(list => list);

    /// <summary>The properties with this name.</summary>
    public IEnumerable<AuthProperty> FindPropertiesByName(string propertyName) =>
        _properties.TryGetValue(propertyName, out var list) ? list : [];
}

/// <summary>One property of a peer's identity.</summary>
public class AuthProperty
{
    private readonly byte[] _rawValue;

    private AuthProperty(string name, byte[] rawValue)
    {
        Name = name;
        _rawValue = rawValue;
    }

    /// <summary>The name of the property.</summary>
    public string Name { get; }

    /// <summary>The value read as UTF-8.</summary>
    public string Value => Encoding.UTF8.GetString(_rawValue);

    /// <summary>A copy of the value.</summary>
    public byte[] RawValue => (byte[])_rawValue.Clone();

    /// <summary>A property with a copy of <paramref name="rawValue"/>.</summary>
    public static AuthProperty Create(string name, byte[] rawValue)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(rawValue);
        return new AuthProperty(name, (byte[])rawValue.Clone());
    }
}
