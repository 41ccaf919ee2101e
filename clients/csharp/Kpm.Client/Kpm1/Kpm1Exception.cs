using System.Text;

namespace Kpm.Client.Kpm1;

/// <summary>What is wrong with KPM1 bytes. docs/crypto.md names each in upper case with underscores.</summary>
public enum Kpm1Error
{
    /// <summary>A layout is broken: length, magic, structure, a range, or a byte that must be zero.</summary>
    StructureInvalid,

    /// <summary>The suite is newer than this program: update it. The bytes are kept.</summary>
    SuiteUnknown,

    /// <summary>The item's schema is newer than this program: update it. The bytes are kept and never rewritten.</summary>
    SchemaUnknown,

    /// <summary>The main password is empty, too long, or not well-formed Unicode.</summary>
    PasswordInvalid,

    /// <summary>The keyset asks for fewer PBKDF2 iterations than a client accepts.</summary>
    KdfTooWeak,

    /// <summary>The keyset asks for more PBKDF2 iterations than a client computes.</summary>
    KdfTooStrong,

    /// <summary>The keyset asks for fewer PBKDF2 iterations than this device has accepted before.</summary>
    KdfDowngrade,

    /// <summary>The main password does not open the keyset.</summary>
    PasswordWrong,

    /// <summary>A wrapped key does not open.</summary>
    WrapInvalid,

    /// <summary>The keyset's MAC is wrong.</summary>
    KeysetMacInvalid,

    /// <summary>The keyset is another account's, revision's or epoch's than its header says.</summary>
    KeysetMismatch,

    /// <summary>There is no key for the item's epoch.</summary>
    KeyEpochUnknown,

    /// <summary>The envelope's hash is not the one in the header.</summary>
    EnvelopeHashMismatch,

    /// <summary>The key commitment in the header is not that of the item's key.</summary>
    CommitmentMismatch,

    /// <summary>The item does not decrypt.</summary>
    DecryptionFailed,

    /// <summary>The plaintext is padded wrongly.</summary>
    PaddingInvalid,

    /// <summary>The plaintext is no item.</summary>
    ItemInvalid,

    /// <summary>The item is larger than an envelope can hold.</summary>
    ItemTooLarge,

    /// <summary>The header says something else than what it came with.</summary>
    HeaderMismatch,

    /// <summary>A signature does not verify.</summary>
    SignatureInvalid,

    /// <summary>The device is in the directory already.</summary>
    DeviceDuplicate,

    /// <summary>The author is not in the device directory.</summary>
    DeviceUnknown,

    /// <summary>The log's first entry is no ROOT, or another one is.</summary>
    RootInvalid,

    /// <summary>The approver is unknown or its approval does not verify.</summary>
    ApprovalInvalid,

    /// <summary>The directory entry's MAC is wrong: it was made by someone without the main password.</summary>
    DirectoryMacInvalid,

    /// <summary>An entry of the log is missing or repeated.</summary>
    SeqGap,

    /// <summary>The entry belongs to another account or vault.</summary>
    WrongVault,

    /// <summary>The entry's generation does not fit the vault's.</summary>
    GenerationChanged,

    /// <summary>The device's operation numbers do not rise.</summary>
    OpSeqNotRising,

    /// <summary>The entry is not based on the subject's revision.</summary>
    RevMismatch,

    /// <summary>The entry is of another key epoch.</summary>
    EpochMismatch,

    /// <summary>The author had seen another log than this one.</summary>
    ObservationMismatch,

    /// <summary>This device is named as author of an operation that it did not make.</summary>
    OwnOperationUnknown,

    /// <summary>The server says that a revision was superseded, and never shows the later one.</summary>
    EnvelopeWithheld,

    /// <summary>A bookmark is not the last seq that came.</summary>
    BookmarkInvalid,

    /// <summary>The log ends before what this device has seen.</summary>
    Rollback,

    /// <summary>The server's chain hash is not this device's.</summary>
    ChainMismatch,

    /// <summary>A snapshot's rows do not add up to what a device of the vault has signed.</summary>
    CheckpointMismatch,

    /// <summary>A revocation names its own author, or a device that is not in the directory or revoked already.</summary>
    RevocationInvalid,

    /// <summary>The author was revoked before this entry.</summary>
    DeviceRevoked,

    /// <summary>An attachment is not as long as its item says, or longer than one may be.</summary>
    AttachmentInvalid,
}

/// <summary>KPM1 bytes were refused. Nothing of them may be used.</summary>
public sealed class Kpm1Exception : Exception
{
    /// <summary>Refuses with a reason.</summary>
    /// <param name="error">Why.</param>
    public Kpm1Exception(Kpm1Error error)
        : base(NameOf(error)) => Error = error;

    /// <summary>Refuses with a reason and the cause of a primitive.</summary>
    /// <param name="error">Why.</param>
    /// <param name="inner">What the primitive said.</param>
    public Kpm1Exception(Kpm1Error error, Exception inner)
        : base(NameOf(error), inner) => Error = error;

    /// <summary>Why.</summary>
    public Kpm1Error Error { get; }

    /// <summary>The error's name in docs/crypto.md, such as "SEQ_GAP".</summary>
    /// <param name="error">The error.</param>
    /// <returns>Upper-case words joined by underscores.</returns>
    public static string NameOf(Kpm1Error error)
    {
        var name = new StringBuilder();
        foreach (var letter in error.ToString())
        {
            if (char.IsUpper(letter) && name.Length > 0)
            {
                name.Append('_');
            }

            name.Append(char.ToUpperInvariant(letter));
        }

        return name.ToString();
    }
}
