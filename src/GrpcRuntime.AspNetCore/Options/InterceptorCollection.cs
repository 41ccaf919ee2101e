using System.Collections.ObjectModel;
using System.Diagnostics.CodeAnalysis;
using Grpc.Core.Interceptors;

namespace Grpc.AspNetCore.Server;

/// <summary>An interceptor, by its type and the arguments of its constructor that do not come from the services.</summary>
public class InterceptorRegistration
{
    internal const DynamicallyAccessedMemberTypes Accessibility = DynamicallyAccessedMemberTypes.PublicConstructors;

    internal InterceptorRegistration([DynamicallyAccessedMembers(Accessibility)] Type type, object[] arguments)
    {
        ArgumentNullException.ThrowIfNull(type);
        ArgumentNullException.ThrowIfNull(arguments);
        if (arguments.Any(argument => argument is null))
        {
            throw new ArgumentException("An argument of an interceptor must not be null.", nameof(arguments));
        }

        Type = type;
        Arguments = arguments;
    }

    /// <summary>The type of the interceptor.</summary>
    [DynamicallyAccessedMembers(Accessibility)]
    public Type Type { get; }

    /// <summary>The arguments given at registration.</summary>
    public IReadOnlyList<object> Arguments { get; }
}

/// <summary>Interceptors in order, the first outermost.</summary>
public class InterceptorCollection : Collection<InterceptorRegistration>
{
    /// <summary>Adds an interceptor, which is made per call unless it is a service with another lifetime.</summary>
    public void Add<[DynamicallyAccessedMembers(InterceptorRegistration.Accessibility)] TInterceptor>(params object[] args)
        where TInterceptor : Interceptor => Add(typeof(TInterceptor), args);

    /// <summary>Adds an interceptor, which is made per call unless it is a service with another lifetime.</summary>
    /// <exception cref="ArgumentException">The type is no <see cref="Interceptor"/>, or an argument is null.</exception>
    public void Add([DynamicallyAccessedMembers(InterceptorRegistration.Accessibility)] Type interceptorType, params object[] args)
    {
        ArgumentNullException.ThrowIfNull(interceptorType);
        if (!interceptorType.IsSubclassOf(typeof(Interceptor)))
        {
            throw new ArgumentException($"{interceptorType.FullName} does not derive from {typeof(Interceptor).FullName}.", nameof(interceptorType));
        }

        Add(new InterceptorRegistration(interceptorType, args));
    }
}
