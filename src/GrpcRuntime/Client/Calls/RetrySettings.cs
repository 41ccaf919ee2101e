using System.Security.Cryptography;
using Grpc.Core;
using Grpc.Net.Client.Configuration;

namespace Grpc.Net.Client.Calls;

/// <summary>The retry policies of a channel, checked and in the form that calls use.</summary>
internal sealed class RetrySettings
{
    private readonly Dictionary<(string Service, string Method), Policy> _policies = [];

    private RetrySettings()
    {
    }

    /// <summary>Null where the options have no service configuration.</summary>
    /// <exception cref="InvalidOperationException">A retry policy is incomplete or out of range.</exception>
    public static RetrySettings? From(GrpcChannelOptions options)
    {
        if (options.ServiceConfig is not { } config)
        {
            return null;
        }

        var settings = new RetrySettings();
        var throttle = config.RetryThrottling is { } limits ? new RetryThrottle(limits.MaxTokens, limits.TokenRatio) : null;
        foreach (var method in config.MethodConfigs)
        {
            if (method.HedgingPolicy is not null)
            {
                throw new InvalidOperationException("Hedging is not supported: a call could be carried out twice. Use a RetryPolicy.");
            }

            if (method.RetryPolicy is null)
            {
                continue;
            }

            var policy = Policy.From(method.RetryPolicy, options.MaxRetryAttempts, throttle);
            foreach (var name in method.Names)
            {
                settings._policies[(name.Service ?? "", name.Method ?? "")] = policy;
            }
        }

        return settings;
    }

    /// <summary>The policy of the most specific name.</summary>
    public Policy? PolicyFor(IMethod method) =>
        _policies.GetValueOrDefault((method.ServiceName, method.Name))
        ?? _policies.GetValueOrDefault((method.ServiceName, ""))
        ?? _policies.GetValueOrDefault(("", ""));

    /// <summary>A retry policy.</summary>
    internal sealed record Policy(int MaxAttempts, TimeSpan InitialBackoff, TimeSpan MaxBackoff, double Multiplier, HashSet<StatusCode> Codes, RetryThrottle? Throttle)
    {
        public static Policy From(RetryPolicy policy, int? maxAttempts, RetryThrottle? throttle)
        {
            var attempts = Require(policy.MaxAttempts, policy.MaxAttempts >= 2, nameof(policy.MaxAttempts));
            return new Policy(
                Math.Min(attempts, maxAttempts ?? int.MaxValue),
                Require(policy.InitialBackoff, policy.InitialBackoff > TimeSpan.Zero, nameof(policy.InitialBackoff)),
                Require(policy.MaxBackoff, policy.MaxBackoff > TimeSpan.Zero, nameof(policy.MaxBackoff)),
                Require(policy.BackoffMultiplier, policy.BackoffMultiplier > 0, nameof(policy.BackoffMultiplier)),
                policy.RetryableStatusCodes.Count > 0
                    ? [.. policy.RetryableStatusCodes]
                    : throw new InvalidOperationException("A retry policy needs at least one code in RetryableStatusCodes."),
                throttle);
        }

        /// <summary>A random pause before the attempt after <paramref name="attempt"/>, so that many clients do not come back at once.</summary>
        public TimeSpan Pause(int attempt) => Backoff.Pause(InitialBackoff, MaxBackoff, Multiplier, attempt);

        private static T Require<T>(T? value, bool valid, string name)
            where T : struct => value is { } given && valid
                ? given
                : throw new InvalidOperationException($"A retry policy needs a valid {name}.");
    }
}

/// <summary>The pauses between attempts.</summary>
internal static class Backoff
{
    public static TimeSpan Pause(TimeSpan initial, TimeSpan longest, double multiplier, int attempt)
    {
        var bound = Math.Min(initial.TotalMilliseconds * Math.Pow(multiplier, attempt - 1), longest.TotalMilliseconds);
        return TimeSpan.FromMilliseconds(bound * RandomNumberGenerator.GetInt32(1, 1001) / 1000);
    }
}

/// <summary>Holds retries back while many calls fail (gRFC A6).</summary>
internal sealed class RetryThrottle(int maxTokens, double ratio)
{
    private readonly Lock _gate = new();
    private double _tokens = maxTokens;

    public void Failed()
    {
        lock (_gate)
        {
            _tokens = Math.Max(_tokens - 1, 0);
        }
    }

    public void Succeeded()
    {
        lock (_gate)
        {
            _tokens = Math.Min(_tokens + ratio, maxTokens);
        }
    }

    public bool AllowsRetry
    {
        get
        {
            lock (_gate)
            {
                return _tokens > maxTokens / 2.0;
            }
        }
    }
}
