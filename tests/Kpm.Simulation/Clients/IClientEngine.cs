using Kpm.V1;

namespace Kpm.Simulation.Clients;

/// <summary>What a connection needs of the engine behind it. Everything happens at once, on the simulation's thread.</summary>
internal interface IClientEngine
{
    /// <summary>A stream begins: its first message.</summary>
    Hello Open();

    /// <summary>Takes a message in; what is to be sent goes through the sender.</summary>
    ClientVerdict Take(SyncResponse message, Action<SyncRequest> send);

    /// <summary>Sends what is due, if the stream has come so far.</summary>
    void Send(Action<SyncRequest> send);

    /// <summary>The stream is gone.</summary>
    void Closed();

    /// <summary>The program was killed and starts again: only what is stored counts.</summary>
    void Crashed();

    /// <summary>The person does something.</summary>
    void Act();

    /// <summary>Nothing of this device is on its way, and everything up to the head is here.</summary>
    bool IsSettled(ulong head);

    /// <summary>What a unary Push would send now; empty for nothing.</summary>
    PushRequest TakeUnary();

    /// <summary>The results of a unary Push.</summary>
    void TakeResults(IReadOnlyList<OperationResult> results);

    /// <summary>For the message of a failure.</summary>
    string Describe();
}

/// <summary>What becomes of the stream after a message.</summary>
internal enum ClientVerdict
{
    GoOn,

    /// <summary>Drop it, and resume from the cursor.</summary>
    Resume,
}
