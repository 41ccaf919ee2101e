using Grpc.Core;

namespace Grpc.Net.Client.Configuration;

/// <summary>How a client treats the methods of a service.</summary>
public sealed class ServiceConfig
{
    /// <summary>The settings of methods; the most specific name wins.</summary>
    public IList<MethodConfig> MethodConfigs { get; } = [];

    /// <summary>Holds retries back while many calls fail; null for never.</summary>
    public RetryThrottlingPolicy? RetryThrottling { get; set; }
}

/// <summary>The settings of some methods.</summary>
public sealed class MethodConfig
{
    /// <summary>The methods; a name may stand for a service, or for everything.</summary>
    public IList<MethodName> Names { get; } = [];

    /// <summary>When a call is tried again; null for never.</summary>
    public RetryPolicy? RetryPolicy { get; set; }
}

/// <summary>A method, all methods of a service, or all methods.</summary>
public sealed class MethodName
{
    /// <summary>All methods.</summary>
    public static readonly MethodName Default = new();

    /// <summary>The service's name with its package; null for all.</summary>
    public string? Service { get; set; }

    /// <summary>The method's name; null for all of the service.</summary>
    public string? Method { get; set; }
}

/// <summary>When a call that failed is tried again.</summary>
public sealed class RetryPolicy
{
    /// <summary>How often a call is tried at most, the first time included; 2 or more.</summary>
    public int? MaxAttempts { get; set; }

    /// <summary>The longest pause before the first retry; the pause is random between nothing and this.</summary>
    public TimeSpan? InitialBackoff { get; set; }

    /// <summary>The bound of every pause.</summary>
    public TimeSpan? MaxBackoff { get; set; }

    /// <summary>What the longest pause is multiplied with after each attempt.</summary>
    public double? BackoffMultiplier { get; set; }

    /// <summary>The codes that a retry may help against.</summary>
    public IList<StatusCode> RetryableStatusCodes { get; } = [];
}

/// <summary>
/// A bucket of tokens that each failed call takes one from and each other call puts <see cref="TokenRatio"/> into;
/// no call is retried while the bucket is half empty or less.
/// </summary>
public sealed class RetryThrottlingPolicy
{
    /// <summary>What the bucket holds.</summary>
    public int MaxTokens { get; set; }

    /// <summary>What a call that did not fail puts back.</summary>
    public double TokenRatio { get; set; }
}
