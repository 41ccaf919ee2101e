namespace Kpm.Server.Verification.Checks;

/// <summary>Characters to read, and the picture of them.</summary>
internal interface ICheckPictures
{
    /// <summary>The characters that there are, without look-alikes.</summary>
    string Alphabet { get; }

    /// <summary>Random characters of the alphabet.</summary>
    string NewCharacters();

    /// <summary>A PNG of the characters; another one each time.</summary>
    byte[] Draw(string characters);
}
