using Grpc.Core;

namespace Grpc.Net.Client.Configuration;

/// <summary>How a client treats the methods of a service.</summary>
public sealed class ServiceConfig
{
    /// <summary>The settings of methods; the most specific name wins.</summary>
    public IList<MethodConfig> MethodConfigs { get; } = [];

    /// <summary>How calls are shared out among several addresses; the first that is known wins, and none means <see cref="PickFirstConfig"/>.</summary>
    public IList<LoadBalancingConfig> LoadBalancingConfigs { get; } = [];

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

    /// <summary>Several attempts at once: refused when the channel is made, since a call could then be carried out twice.</summary>
    public HedgingPolicy? HedgingPolicy { get; set; }
}

/// <summary>How calls are shared out among several addresses.</summary>
public class LoadBalancingConfig
{
    /// <summary>The policy of all calls to the first address that answers.</summary>
    public const string PickFirstPolicyName = "pick_first";

    /// <summary>The policy of each call to the next address.</summary>
    public const string RoundRobinPolicyName = "round_robin";

    /// <summary>A policy by its name.</summary>
    public LoadBalancingConfig(string loadBalancingPolicyName)
    {
        ArgumentNullException.ThrowIfNull(loadBalancingPolicyName);
        PolicyName = loadBalancingPolicyName;
    }

    /// <summary>The name of the policy.</summary>
    public string PolicyName { get; }
}

/// <summary>All calls to the first address that answers.</summary>
public sealed class PickFirstConfig() : LoadBalancingConfig(PickFirstPolicyName);

/// <summary>Each call to the next address that answers.</summary>
public sealed class RoundRobinConfig() : LoadBalancingConfig(RoundRobinPolicyName);

/// <summary>Several attempts of one call at once. Known to the API, and refused.</summary>
public sealed class HedgingPolicy
{
    /// <summary>How many attempts there are at most, the first included.</summary>
    public int? MaxAttempts { get; set; }

    /// <summary>The pause between attempts.</summary>
    public TimeSpan? HedgingDelay { get; set; }

    /// <summary>The codes that do not end the call.</summary>
    public IList<StatusCode> NonFatalStatusCodes { get; } = [];
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
